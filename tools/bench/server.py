"""llama.cpp's `llama-server` as a peer: it stays loaded and keeps the prompt's state from one question to the next.

Our bindings leave its source out, so it is built from the package that carries all of llama.cpp, of another version, with
the compiler flags of our own build. That takes ten minutes, once.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

PACKAGE = "llama-cpp-python==0.3.36"
FLAGS = ("LLAMA_CURL=OFF", "LLAMA_OPENSSL=OFF", "LLAMA_BUILD_UI=OFF", "LLAMA_BUILD_TESTS=OFF", "GGML_NATIVE=OFF",
         "BUILD_SHARED_LIBS=OFF", "CMAKE_BUILD_TYPE=Release")


def build(local: Path) -> Path:
    """The program, built once."""
    work = local / "llama-server"
    program = local / f"llama-server-{PACKAGE.rsplit('=', 1)[1]}"
    if program.exists():
        return program
    print("building llama-server, once", flush=True)
    work.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", work]
    subprocess.run([*pip, PACKAGE], check=True)
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work, filter="data")
    tree = next(work.glob("*/vendor/llama.cpp"))
    with open(work / "build.log", "w") as log:
        configure = ["cmake", "-S", tree, "-B", work / "build", *(f"-D{flag}" for flag in FLAGS)]
        subprocess.run(configure, check=True, stdout=log, stderr=log)
        make = ["cmake", "--build", work / "build", "--target", "llama-server", "--parallel", str(os.cpu_count())]
        subprocess.run(make, check=True, stdout=log, stderr=log)
    shutil.copy2(work / "build/bin/llama-server", program)
    shutil.rmtree(work)
    return program


def run(program: Path, files: tuple[Path, Path], photos: tuple[Path, Path], args) -> dict:
    """The questions of generate_bench: two on one photo, then one on another."""
    tokens = (args.side // 28) ** 2
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [program, "-m", files[0], "--mmproj", files[1], "-c", args.context, "-t", args.threads, "-b", 256, "-ub", 256,
               "--image-min-tokens", tokens, "--image-max-tokens", tokens, "--parallel", 1, "--port", port, "--no-webui"]
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(process, address)
        loaded = time.monotonic() - start
        marker = json.load(urlopen(f"{address}/props"))["media_marker"]
        first = ask(address, marker, photos[0], "What is in the picture?", args.tokens)
        second = ask(address, marker, photos[0], "Which colour is the field?", args.tokens)
        other = ask(address, marker, photos[1], "What is in the picture?", args.tokens)
    finally:
        process.terminate()
        usage = os.wait4(process.pid, 0)[2]
    return {"load_s": loaded, "first": first, "second": second, "other_photo": other, "peak": usage.ru_maxrss * 1024}


def wait(process: subprocess.Popen, address: str) -> None:
    """Until the model is loaded."""
    while process.poll() is None:
        try:
            urlopen(f"{address}/health").close()
            return
        except (URLError, ConnectionError):
            time.sleep(0.002)
    raise SystemExit("llama-server ended while loading")


def ask(address: str, marker: str, photo: Path, question: str, tokens: int) -> dict:
    prompt = ("<|im_start|>system\nLook, think, then answer.<|im_end|>\n<|im_start|>user\n"
              f"{marker}{question}<|im_end|>\n<|im_start|>assistant\n<think>")
    data = base64.b64encode(photo.read_bytes()).decode()
    body = {"prompt": {"prompt_string": prompt, "multimodal_data": [data]}, "n_predict": tokens, "temperature": 0,
            "ignore_eos": True, "cache_prompt": True, "stream": True}
    start = time.monotonic()
    reply = urlopen(Request(f"{address}/completion", json.dumps(body).encode(),
                            {"Content-Type": "application/json"}))
    times, last = [], {}
    for line in reply:
        if line.startswith(b"data: {"):
            times.append(time.monotonic())
            last = json.loads(line[6:])
    timings = last["timings"]
    return {"first_token_s": times[0] - start, "prompt_tokens": timings["prompt_n"],
            "tokens_per_s": timings["predicted_per_second"]}
