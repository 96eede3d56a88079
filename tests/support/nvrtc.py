"""Compiles CUDA sources by the NVRTC of this Python's NVIDIA wheels, for each GPU that is named: nvrtc.py FOLDER sm_80 sm_90"""

import ctypes
import glob
import os
import sys

import nvidia


def find(pattern):
    """Files of NVIDIA's wheels."""
    return [path for base in nvidia.__path__ for path in glob.glob(os.path.join(base, "*", pattern))]


class Nvrtc:
    """The few functions of the library that compile a program."""

    def __init__(self):
        libraries = sorted(path for path in find("lib/libnvrtc.so.*") if ".alt." not in path)
        if not libraries:
            sys.exit("this Python has no NVRTC: install nvidia-cuda-nvrtc and nvidia-cuda-runtime")
        # Its other half is beside it, where the loader does not look.
        for path in find("lib/libnvrtc-builtins.so.*"):
            if ".alt." not in path:
                ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(libraries[-1])
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        self.includes = [os.path.dirname(path) for path in find("include/cuda_runtime.h")]

    def call(self, name, *arguments):
        """Calls a function; gives its error, if any."""
        code = getattr(self.library, name)(*arguments)
        return self.library.nvrtcGetErrorString(code).decode() if code else None

    def compile(self, path, gpu):
        """Gives the size of the machine code and what the compiler complained of."""
        with open(path, "rb") as file:
            source = file.read()
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.call("nvrtcCreateProgram", ctypes.byref(program), source, b"kernel.cu", 0, None, None)
        options = ["--gpu-architecture=" + gpu] + ["--include-path=" + folder for folder in self.includes]
        options = [option.encode() for option in options]
        failed = self.call("nvrtcCompileProgram", program, len(options), (ctypes.c_char_p * len(options))(*options))
        if failed:
            self.call("nvrtcGetProgramLogSize", program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            self.call("nvrtcGetProgramLog", program, log)
            return 0, failed + "\n" + log.value.decode()[:4000]
        failed = self.call("nvrtcGetCUBINSize", program, ctypes.byref(size))
        self.call("nvrtcDestroyProgram", ctypes.byref(program))
        return size.value, failed


def main():
    """Compiles each source for each GPU, and fails if one does not."""
    folder, gpus = sys.argv[1], sys.argv[2:]
    nvrtc, bad, sources = Nvrtc(), 0, sorted(glob.glob(os.path.join(folder, "*.cu")))
    for path in sources:
        for gpu in gpus:
            size, error = nvrtc.compile(path, gpu)
            bad += bool(error) or size == 0
            print(f"{os.path.basename(path)} {gpu}: {error or f'{size} bytes'}")
    print(f"{len(sources) * len(gpus) - bad} passed, {bad} failed")
    sys.exit(1 if bad or not sources else 0)


main()
