"""Connections that the Commander opens to the outside at an operator's word: only to addresses that are judged at the
moment of connecting, and never more bytes than were asked for."""
