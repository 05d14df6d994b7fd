from Cython.Build import cythonize
from setuptools import Extension, setup

setup(py_modules=[], ext_modules=cythonize([Extension("bt_cython", ["bt_cython.pyx"], extra_compile_args=["-O1"])], language_level=3))
