"""Builds the extension modules. Everything else about the build is in pyproject.toml."""

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

# No option may change a result: no part of -ffast-math that does so, and no contraction except the written-out fma. GCC gets
# -O2 with chosen options, because -O3 unrolls loops before it vectorizes them. Without -fno-tree-loop-distribute-patterns, GCC
# copies small arrays by memcpy instead of in registers; without -fgcse-las and -fgcse-sm, the sums of a product go through the
# stack. With -fno-inline-functions-called-once, GCC inlines only what says so: in the function around them, the loops of a
# sparse product lack registers. A badly placed function costs a small network up to a tenth of its time, so functions are
# aligned. Clang keeps sums in registers only if it unrolls the loops over them (before version 16, it does this badly).
GCC_AND_CLANG = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
INLINE = "inline __attribute__((always_inline))"
CLANG = ["-O3", "-mllvm", "-unroll-threshold=1000", *GCC_AND_CLANG]
VECTORIZE = ["-O2", "-ftree-vectorize", "-ftree-slp-vectorize", "-funroll-loops", "-fno-tree-loop-distribute-patterns"]
VECTORIZE += ["-fgcse-las", "-fgcse-sm", "-falign-functions=64", "-fno-inline-functions-called-once"]
X86_64 = {
    "x86_64_v3": ["-mavx2", "-mfma"],
    "x86_64_v4": ["-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mprefer-vector-width=512"],
}
OPTIONS = {
    "gcc": {"kernels": [*GCC_AND_CLANG, *VECTORIZE], **X86_64, "inline": INLINE},
    "clang": {"kernels": CLANG, **X86_64, "inline": INLINE},
    "clang-cl": {"kernels": [f"/clang:{option}" for option in CLANG], **X86_64, "inline": INLINE},
    "msvc": {
        "kernels": ["/O2", "/fp:precise"],
        "x86_64_v3": ["/arch:AVX2"],
        "x86_64_v4": ["/arch:AVX512"],
        "inline": "__forceinline",
    },
}

# By setuptools' name for the platform. Clang's default for 32-bit processors is x87 arithmetic, which rounds twice.
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

# Builds that detect memory errors and data races, or count the lines that run, chosen by NNDL_EXT_BUILD. tools/sanitize.sh and
# tools/coverage.sh run the tests on them.
TEST_BUILDS = {
    "checked": {"directives": {"boundscheck": True, "initializedcheck": True}, "options": []},
    "asan": {"directives": {}, "options": ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]},
    "tsan": {"directives": {}, "options": ["-g", "-O1", "-fsanitize=thread"]},
    "coverage": {"directives": {}, "options": ["-O1", "--coverage", "-fprofile-update=atomic"]},
}
TEST_BUILD = os.environ.get("NNDL_EXT_BUILD")
if TEST_BUILD:
    if TEST_BUILD not in TEST_BUILDS:
        raise SystemExit(f"NNDL_EXT_BUILD must be one of {', '.join(TEST_BUILDS)}, not {TEST_BUILD!r}")
    DIRECTIVES.update(TEST_BUILDS[TEST_BUILD]["directives"])


def compiler_and_target(compiler, platform):
    """The key of OPTIONS for a setuptools compiler, and whether it compiles for x86-64."""
    if compiler.compiler_type == "msvc":
        return ("clang-cl" if "clang" in compiler.cc else "msvc"), platform == "win-amd64"
    command = [*compiler.compiler_so, "-dM", "-E", "-x", "c", os.devnull]
    macros = subprocess.run(command, capture_output=True).stdout
    # Apple's Clang prints no macros when it compiles for two architectures at once.
    return ("gcc" if macros and b"__clang__" not in macros else "clang"), b"__x86_64__" in macros


def use_clang_cl(compiler, platform):
    """Use clang-cl, unless it is missing or CC names another compiler. MSVC is not known to vectorize fma."""
    if not compiler.initialized:
        compiler.initialize(platform)
    cc = shutil.which(os.environ.get("CC", "clang-cl"))
    if cc and "clang" in cc:
        compiler.cc = cc
        compiler.compile_options += CLANG_CL_TARGETS[platform]


class BuildExt(build_ext):
    """Adds the options for the compiler, once that is known, and drops the variants for other processors."""

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
            # The variants share a source, so each needs its own folder for the C file.
            (compiled,) = cythonize(ext, build_dir=os.path.join(self.build_temp, variant), compiler_directives=DIRECTIVES)
            ext.sources = compiled.sources
        super().build_extensions()


def extension(module, source):
    """An extension module of the package."""
    return Extension(
        f"nndl_ext._kernels.{module}",
        [f"src_cython/{source}"],
        include_dirs=["src_cython"],
        libraries=[] if os.name == "nt" else ["m"],  # baseline calls libm's fma
        define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=not FREE_THREADED,
    )


SOURCES = {"cpu": "cpu.pyx", "pairs": "pairs.pyx", **dict.fromkeys(VARIANTS, "kernels.pyx")}

# Build in a temporary folder, so that only an editable install or an sdist leaves files in the source tree.
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
