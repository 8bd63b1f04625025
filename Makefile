# One file of commands; `make help` lists them.
.DEFAULT_GOAL := help
