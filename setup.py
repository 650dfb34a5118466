"""The list of extension modules; everything else about the build stands in pyproject.toml."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

VARIANTS = ["baseline", "x86_64_v3", "x86_64_v4"]
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# No option here may change a result: no part of -ffast-math that does, and no contraction but the fma that is written out.
# GCC's -O3 unrolls loops before it vectorises them, and its copies of small arrays by memcpy go around the registers; without
# -fgcse-las and -fgcse-sm the sums of a product go through the stack on their way to and from the registers. Clang keeps them
# in registers only if it has unrolled the loops over them (older ones than 16 do so badly).
GCC_AND_CLANG = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
INLINE = "inline __attribute__((always_inline))"
CLANG = ["-O3", "-mllvm", "-unroll-threshold=1000", *GCC_AND_CLANG]
VECTORISE = ["-O2", "-ftree-vectorize", "-ftree-slp-vectorize", "-funroll-loops", "-fno-tree-loop-distribute-patterns"]
VECTORISE += ["-fgcse-las", "-fgcse-sm"]
X86_64 = {
    "x86_64_v3": ["-mavx2", "-mfma"],
    "x86_64_v4": ["-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mprefer-vector-width=512"],
}
OPTIONS = {
    "gcc": {"kernels": [*GCC_AND_CLANG, *VECTORISE], **X86_64, "inline": INLINE},
    "clang": {"kernels": CLANG, **X86_64, "inline": INLINE},
    "clang-cl": {"kernels": [f"/clang:{option}" for option in CLANG], **X86_64, "inline": INLINE},
    "msvc": {
        "kernels": ["/O2", "/fp:precise"],
        "x86_64_v3": ["/arch:AVX2"],
        "x86_64_v4": ["/arch:AVX512"],
        "inline": "__forceinline",
    },
}

# By setuptools' name of the platform. Clang's own choice for 32-bit processors is x87 arithmetic, which rounds twice.
CLANG_CL_TARGETS = {
    "win32": ["--target=i686-pc-windows-msvc", "/arch:SSE2"],
    "win-amd64": ["--target=x86_64-pc-windows-msvc"],
    "win-arm64": ["--target=aarch64-pc-windows-msvc"],
}

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
}

# Builds that find errors of memory and of threads, named by NNDL_EXT_BUILD; tools/sanitize.sh runs the tests on them.
TEST_BUILDS = {
    "checked": {"directives": {"boundscheck": True, "initializedcheck": True}, "options": []},
    "asan": {"directives": {}, "options": ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]},
    "tsan": {"directives": {}, "options": ["-g", "-O1", "-fsanitize=thread"]},
}
TEST_BUILD = os.environ.get("NNDL_EXT_BUILD")
if TEST_BUILD:
    if TEST_BUILD not in TEST_BUILDS:
        raise SystemExit(f"NNDL_EXT_BUILD must be one of {', '.join(TEST_BUILDS)}, not {TEST_BUILD!r}")
    DIRECTIVES.update(TEST_BUILDS[TEST_BUILD]["directives"])


def compiler_and_target(compiler, platform):
    """The key of OPTIONS for a setuptools compiler, and whether it compiles for x86-64, whatever it runs on."""
    if compiler.compiler_type == "msvc":
        return ("clang-cl" if "clang" in compiler.cc else "msvc"), platform == "win-amd64"
    command = [*compiler.compiler_so, "-dM", "-E", "-x", "c", os.devnull]
    macros = subprocess.run(command, capture_output=True).stdout
    # Apple's Clang names no macros where it compiles for two processors at once.
    return ("gcc" if macros and b"__clang__" not in macros else "clang"), b"__x86_64__" in macros


def use_clang_cl(compiler, platform):
    """Compile by clang-cl, unless CC names another compiler or there is none: MSVC is not known to vectorise fma."""
    if not compiler.initialized:
        compiler.initialize(platform)
    cc = shutil.which(os.environ.get("CC", "clang-cl"))
    if cc and "clang" in cc:
        compiler.cc = cc
        compiler.compile_options += CLANG_CL_TARGETS[platform]


class BuildExt(build_ext):
    """Adds the compiler's own options, and leaves out variants of other processors, once it is known which compiler it is."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            use_clang_cl(self.compiler, self.plat_name)
        compiler, x86_64 = compiler_and_target(self.compiler, self.plat_name)
        self.extensions = [ext for ext in self.extensions if x86_64 or ".x86_64_" not in ext.name]
        options = OPTIONS[compiler]
        for ext in self.extensions:
            variant = ext.name.rpartition(".")[2]
            if variant in VARIANTS:
                ext.extra_compile_args = options["kernels"] + options.get(variant, [])
                ext.define_macros.append(("CYTHON_INLINE", options["inline"]))
            if TEST_BUILD:
                ext.extra_compile_args = [*ext.extra_compile_args, *TEST_BUILDS[TEST_BUILD]["options"]]
                ext.extra_link_args = [*ext.extra_link_args, *TEST_BUILDS[TEST_BUILD]["options"]]
            # The C file goes to a folder of its own, since the variants share a source.
            (compiled,) = cythonize(ext, build_dir=os.path.join(self.build_temp, variant), compiler_directives=DIRECTIVES)
            ext.sources = compiled.sources
        super().build_extensions()


def extension(module, source):
    """A module of the package."""
    return Extension(
        f"nndl_ext._kernels.{module}",
        [f"src_cython/{source}"],
        libraries=[] if os.name == "nt" else ["m"],  # baseline calls its fma
        define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=not FREE_THREADED,
    )


SOURCES = {"cpu": "cpu.pyx", "pairs": "pairs.pyx", **dict.fromkeys(VARIANTS, "kernels.pyx")}

# A build leaves nothing in the source tree but what an editable install or an sdist is made of.
with tempfile.TemporaryDirectory() as elsewhere:
    options = {"build": {"build_base": elsewhere}}
    if "sdist" not in sys.argv:
        options["egg_info"] = {"egg_base": elsewhere}
    if not FREE_THREADED:
        options["bdist_wheel"] = {"py_limited_api": "cp311"}
    setup(
        ext_modules=[extension(name, source) for name, source in SOURCES.items()],
        cmdclass={"build_ext": BuildExt},
        options=options,
    )
