"""The list of extension modules; everything else about the build stands in pyproject.toml."""

import os
import platform
import subprocess
import sys
import sysconfig

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32
VARIANTS = ["baseline", "x86_64_v3"] if X86_64 else ["baseline"]
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# No option here may change a result: no part of -ffast-math that does, and no contraction but the fma that is written out.
# GCC's -O3 unrolls loops before it vectorises them, and its copies of small arrays by memcpy go around the registers; Clang
# keeps the sums of a product in registers only if it has unrolled the loops over them (older ones than 16 do so badly).
GCC_AND_CLANG = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
INLINE = "inline __attribute__((always_inline))"
VECTORISE = ["-O2", "-ftree-vectorize", "-ftree-slp-vectorize", "-funroll-loops", "-fno-tree-loop-distribute-patterns"]
OPTIONS = {
    "gcc": {"kernels": [*GCC_AND_CLANG, *VECTORISE], "x86_64_v3": ["-mavx2", "-mfma"], "inline": INLINE},
    "clang": {
        "kernels": ["-O3", "-mllvm", "-unroll-threshold=1000", *GCC_AND_CLANG],
        "x86_64_v3": ["-mavx2", "-mfma"],
        "inline": INLINE,
    },
    "msvc": {"kernels": ["/O2", "/fp:precise"], "x86_64_v3": ["/arch:AVX2"], "inline": "__forceinline"},
}

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
}


def compiler_name(compiler):
    """The key of OPTIONS for a setuptools compiler."""
    if compiler.compiler_type == "msvc":
        return "msvc"
    macros = subprocess.run([*compiler.compiler_so, "-dM", "-E", "-x", "c", os.devnull], capture_output=True, check=True)
    return "clang" if b"__clang__" in macros.stdout else "gcc"


class BuildExt(build_ext):
    """Adds the compiler's own options, once it is known which compiler it is."""

    def build_extension(self, ext):
        variant = ext.name.rpartition(".")[2]
        if variant in VARIANTS:
            options = OPTIONS[compiler_name(self.compiler)]
            ext.extra_compile_args = options["kernels"] + options.get(variant, [])
            ext.define_macros.append(("CYTHON_INLINE", options["inline"]))
        super().build_extension(ext)


def extension(module, source):
    """A module of the package; its C file goes to a folder of its own, since the variants share a source."""
    ext = Extension(
        f"nndl_ext._kernels.{module}",
        [f"src_cython/{source}"],
        define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=not FREE_THREADED,
    )
    return cythonize(ext, build_dir=os.path.join("build", "cython", module), compiler_directives=DIRECTIVES)


setup(
    ext_modules=[*extension("cpu", "cpu.pyx"), *(m for v in VARIANTS for m in extension(v, "kernels.pyx"))],
    cmdclass={"build_ext": BuildExt},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
