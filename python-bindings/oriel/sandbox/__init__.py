"""Modules under the names that Theano's programs import them by."""
