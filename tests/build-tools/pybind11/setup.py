from pybind11.setup_helpers import Pybind11Extension, build_ext
from setuptools import setup

setup(py_modules=[], ext_modules=[Pybind11Extension("bt_pybind11", ["module.cpp"], cxx_std=17, extra_compile_args=["-O0", "-g0"])], cmdclass={"build_ext": build_ext})
