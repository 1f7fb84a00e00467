"""Generation beside llama.cpp's own `llama-mtmd-cli`, on the same files, photo and threads, one after the other.

The peer is built from the source that Crane's bindings carry, over the very libraries that Crane links: the same kernels
and compiler flags, so that what differs is ours. `--server` adds `llama-server`. Without arguments on models/tiny;
`--shape 3b` and `--shape 7b` write random files of Qwen2.5-VL's shapes first (3 and 6 GB, and 5 and 9 GB of memory to run).

Then guessing ahead: replies of models/tiny are forced upon the model, with guessing and without in turns.
"""

import argparse
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from statistics import median

import server
import shape

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local/bench"
TINY = ROOT / "models/tiny"
MIB = 1 << 20


def source() -> Path:
    """llama.cpp's source in the bindings' package."""
    version = subprocess.run(["rustc", "-vV"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    # Without other systems' packages, which nothing has fetched.
    command = ["cargo", "metadata", "--format-version", "1", "--filter-platform", host]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)["packages"]
    manifest = next(p["manifest_path"] for p in packages if p["name"] == "llama-cpp-sys-2")
    return Path(manifest).parent / "llama.cpp"


def peer(target: Path) -> Path:
    """Builds `llama-mtmd-cli` once for every build of llama.cpp: one file and a link."""
    builds = list((target / "debug/build").glob("llama-cpp-sys-2-*/out/lib/libllama.a"))
    libraries = max(builds, key=os.path.getmtime).parent
    program = LOCAL / f"llama-mtmd-cli-{libraries.parents[1].name.rsplit('-', 1)[1]}"
    if program.exists():
        return program
    LOCAL.mkdir(parents=True, exist_ok=True)
    tree, more = source(), libraries.parent / "build"
    includes = [f"-I{tree / folder}" for folder in ("common", "include", "ggml/include", "tools/mtmd", "vendor")]
    archives = sorted(libraries.glob("*.a")) + sorted(more.glob("vendor/*/*.a")) + [more / "common/libllama-common-base.a"]
    command = ["c++", "-O2", "-std=c++17", *includes, tree / "tools/mtmd/mtmd-cli.cpp", "-o", program]
    command += ["-Wl,--start-group", *archives, "-Wl,--end-group", "-fopenmp", "-lpthread", "-ldl"]
    # Its part for downloads is linked where cmake had found OpenSSL.
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
        subprocess.run([*command, "-lssl", "-lcrypto"], check=True)
    return program


def run_peer(program: Path, files: tuple[Path, Path], args) -> dict:
    """Loading ends with a line of its log; the reply is all that it prints."""
    tokens = (args.side // 28) ** 2
    command = [program, "-m", files[0], "--mmproj", files[1], "--image", args.photo, "-p", "What is in the picture?"]
    command += ["-n", args.tokens, "-c", args.context, "-t", args.threads, "-b", 256, "-ub", 256, "--temp", 0]
    # The same words before the photo as in generate_bench.
    command += ["-sys", "Look, think, then answer."]
    command += ["--image-min-tokens", tokens, "--image-max-tokens", tokens, "--chat-template", "chatml", "--ignore-eos"]
    start = time.monotonic()
    pipe = subprocess.PIPE
    process = subprocess.Popen([str(part) for part in command], stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL)
    printed: list[float] = []

    def listen() -> None:
        while text := os.read(process.stdout.fileno(), 4096):
            printed.extend([time.monotonic()] if text.strip() else [])

    listener = threading.Thread(target=listen)
    listener.start()
    loaded = next(time.monotonic() for line in process.stderr if b"main: loading model" in line)
    process.stderr.read()
    listener.join()
    usage = os.wait4(process.pid, 0)[2]
    rate = (args.tokens - 1) / (printed[-1] - printed[0])
    return {"load_s": loaded - start, "first_token_s": printed[0] - loaded, "tokens_per_s": rate,
            "peak": usage.ru_maxrss * 1024}


def run_ours(program: Path, files: tuple[Path, Path], args) -> dict:
    command = [program, *files, args.photo, args.side, args.context, args.tokens, args.threads]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(output.stdout)


def replay(program: Path, files: tuple[Path, Path], args) -> None:
    """What guessing ahead saves: time of every reply without it over that with it, medians of the rounds."""
    command = [program.with_name("replay_bench"), TINY, *files, args.side, args.context, args.threads, args.replies, args.rounds]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    found = json.loads(output.stdout)
    print(f"guessing ahead, {args.replies} replies like: {found['example']}")
    print(f"{'':34} {'with':>10} {'without':>10} {'':8} {'better':>7}")
    for name, kind in (("replies", "replies"), ("text that does not repeat", "novel")):
        runs = found[kind]
        numbers = sorted({run["reply"] for run in runs})
        tokens = sum(next(run["tokens"] for run in runs if run["reply"] == number) for number in numbers)

        def seconds(guessing: bool) -> float:
            of = lambda number: [r["seconds"] for r in runs if r["reply"] == number and r["guessing"] == guessing]
            return sum(median(of(number)) for number in numbers)

        row(name, tokens / seconds(True), tokens / seconds(False), "tokens/s", more_is_better=True)
        drafted, accepted = (sum(run[what] for run in runs) // args.rounds for what in ("drafted", "accepted"))
        print(f"  {tokens} tokens, {drafted} guessed, {accepted} of them right")


def row(name: str, our: float, their: float, unit: str, more_is_better: bool = False) -> None:
    ratio = our / their if more_is_better else their / our
    print(f"{name:34} {our:10.3f} {their:10.3f} {unit:8} {ratio:6.2f}x")


def middle(runs: list[dict], *path: str) -> float:
    """The median of what stands there in each run."""
    values = []
    for run in runs:
        for key in path:
            run = run[key]
        values.append(run)
    return median(values)


def report(ours: list[dict], peers: list[dict]) -> None:
    their_first = middle(peers, "first_token_s")
    print(f"{'':34} {'ours':>10} {'peer':>10} {'':8} {'better':>7}")
    row("loading", middle(ours, "load_s"), middle(peers, "load_s"), "s")
    our_first = middle(ours, "first", "first_token_s")
    row("first token, first question", our_first, their_first, "s")
    row("  with loading", our_first + middle(ours, "load_s"), their_first + middle(peers, "load_s"), "s")
    row("first token, second question", middle(ours, "second", "first_token_s"), their_first, "s")
    row("first token, another photo", middle(ours, "other_photo", "first_token_s"), their_first, "s")
    our_rate = middle(ours, "first", "tokens_per_s")
    row("decoding", our_rate, middle(peers, "tokens_per_s"), "tokens/s", more_is_better=True)
    row("peak memory", middle(ours, "peak") / MIB, middle(peers, "peak") / MIB, "MiB")
    grown, foreseen = middle(ours, "resident") - middle(ours, "before"), middle(ours, "foreseen_total")
    print(f"resident by loading and three questions {grown / MIB:.0f} MiB, foreseen {foreseen / MIB:.0f} MiB "
          f"({100 * (foreseen / grown - 1):+.0f} %); left after unloading "
          f"{(middle(ours, 'unloaded') - middle(ours, 'before')) / MIB:.0f} MiB")


def report_server(ours: list[dict], theirs: dict) -> None:
    """One run of `llama-server` beside the medians of ours."""
    print(f"{'llama-server':34} {'ours':>10} {'peer':>10} {'':8} {'better':>7}")
    row("loading", middle(ours, "load_s"), theirs["load_s"], "s")
    for name, key in (("first question", "first"), ("second question", "second"), ("another photo", "other_photo")):
        row(f"first token, {name}", middle(ours, key, "first_token_s"), theirs[key]["first_token_s"], "s")
    our_rate = middle(ours, "first", "tokens_per_s")
    row("decoding", our_rate, theirs["first"]["tokens_per_s"], "tokens/s", more_is_better=True)
    row("peak memory", middle(ours, "peak") / MIB, theirs["peak"] / MIB, "MiB")
    read = ", ".join(f"{theirs[key]['prompt_tokens']}" for key in ("first", "second", "other_photo"))
    print(f"  it read {read} tokens before its three replies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="our generate_bench")
    parser.add_argument("--target", type=Path, default=ROOT / "target", help="cargo's target folder")
    parser.add_argument("--shape", choices=["tiny", *shape.SHAPES], default="tiny")
    parser.add_argument("--weights", choices=list(shape.QUANTISATIONS), default="q4_k_m", help="of the 3b and the 7b")
    parser.add_argument("--photo", type=Path, default=TINY / "demo/gate-evening.jpg")
    parser.add_argument("--runs", type=int, help="runs of each, alternating [default: 5 on tiny, 1 else]; 0: none")
    parser.add_argument("--server", action="store_true", help="beside llama-server too, which takes ten minutes to build")
    parser.add_argument("--tokens", type=int, help="tokens of a reply [default: 256 on tiny, 16 else]")
    parser.add_argument("--threads", type=int, help="[default: 1 on tiny, every core else]")
    parser.add_argument("--side", type=int, help="of the photo, a multiple of 28 [default: 112 on tiny, 448 else]")
    parser.add_argument("--replies", type=int, help="to guess ahead in [default: 36 on tiny, 24 else]; 0: none")
    parser.add_argument("--rounds", type=int, help="of them [default: 6 on tiny, 1 else]")
    args = parser.parse_args()
    tiny = args.shape == "tiny"
    args.runs = args.runs if args.runs is not None else (5 if tiny else 1)
    args.tokens = args.tokens or (256 if tiny else 16)
    args.replies = args.replies if args.replies is not None else (36 if tiny else 24)
    args.rounds = args.rounds or (6 if tiny else 1)
    args.threads = args.threads or (1 if tiny else os.cpu_count())
    args.side = args.side or (112 if tiny else 448)
    args.context = 768 if tiny else 2048
    like = TINY / "language.gguf"
    files = (like, TINY / "vision.gguf") if tiny else shape.files(LOCAL, like, args.shape, args.weights)
    program = peer(args.target)
    print(f"{args.shape}: photo of {args.side}x{args.side}, {args.tokens} tokens, {args.threads} threads, {args.runs} runs")
    ours, peers = [], []
    for _ in range(args.runs):
        ours.append(run_ours(args.program, files, args))
        peers.append(run_peer(program, files, args))
    if ours:
        report(ours, peers)
    if ours and args.server:
        other = TINY / "demo/flag-crowd.jpg"
        report_server(ours, server.run(server.build(LOCAL), files, (args.photo, other), args))
    if args.replies:
        replay(args.program, files, args)


if __name__ == "__main__":
    main()
