"""Metrics as text: https://prometheus.io/docs/instrumenting/exposition_formats/"""
