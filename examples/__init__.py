"""Machines to read and to run. Each file is a program of its own; the tests run them all."""
