from setuptools import setup

setup(py_modules=[], cffi_modules=["build_words.py:ffi"])
