"""Encoding a photo for retrieval: through Crane (on ONNX Runtime's library, and on tract) and with ONNX Runtime's own Python
interface, on the same file, photo and threads, alternating. The tower is of SigLIP so400m-patch14-384's shape with
random weights, whole (1.7 GB) and with its matrices in 8 bits (0.4 GB). Last, what 8 bits cost in hit@1 with the towers
of models/tiny.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

import hits
import siglip

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local/bench"
TINY = ROOT / "models/tiny"
MIB = 1 << 20
# ONNX Runtime's threads spin for a while after a run: not into the next contestant's time.
PAUSE = 0.3


class Contestant:
    """A process that embeds the photo whenever it is asked to."""

    def __init__(self, command: list, **environment: str) -> None:
        words = [str(word) for word in command]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(words, env=os.environ | environment, **pipes)
        self.seconds: list[float] = []
        self.peak = 0
        self.embed()  # loads the model as well: not counted
        self.seconds.clear()

    def embed(self) -> None:
        time.sleep(PAUSE)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seconds.append(answer["seconds"])
        self.peak = answer["peak"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def run_peer(args) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(args.peer, options, providers=["CPUExecutionProvider"])
    shape = [side if isinstance(side, int) else 1 for side in session.get_inputs()[0].shape]
    pixels = np.random.default_rng(0).standard_normal(shape, np.float32)
    for _ in sys.stdin:
        start = time.monotonic()
        session.run(None, {"pixel_values": pixels})
        seconds = time.monotonic() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "peak": peak}), flush=True)


def contestants(file: Path, models: Path, args) -> dict[str, Contestant]:
    library = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))
    program = [args.program, models, args.photo]
    found = {
        "python": Contestant([sys.executable, __file__, "--peer", file, "--threads", args.threads]),
        "ours": Contestant([*program, "onnxruntime", args.threads], ORT_DYLIB_PATH=str(library)),
    }
    if not args.no_tract:
        found["tract"] = Contestant([*program, "tract", 1])
    return found


def towers() -> dict[str, tuple[Path, Path]]:
    """Of each variant the file and a bundle with it; written once."""
    whole, small = LOCAL / "so400m-f32.onnx", LOCAL / "so400m-int8.onnx"
    LOCAL.mkdir(parents=True, exist_ok=True)
    if not whole.exists():
        print("writing the tower", flush=True)
        siglip.tower(whole)
    if not small.exists():
        print("quantising it", flush=True)
        types = {"op_types_to_quantize": ["MatMul"], "weight_type": QuantType.QInt8, "per_channel": True}
        quantize_dynamic(whole, small, **types, extra_options={"MatMulConstBOnly": True})
    made = {"so400m f32": whole, "so400m int8": small}
    for file in made.values():
        siglip.bundle(LOCAL / file.stem, file, TINY)
    return {name: (file, LOCAL / file.stem) for name, file in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, help="our encode_bench")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--photo", type=Path, default=TINY / "demo/gate-evening.jpg")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--photos", type=int, default=5, help="for each, after one that does not count")
    parser.add_argument("--no-tract", action="store_true")
    parser.add_argument("--facts", type=int, default=1000, help="to find the right one of with the tiny towers; 0: don't")
    args = parser.parse_args()
    if args.peer:
        return run_peer(args)
    print(f"medians of {args.photos} photos, {args.threads} threads (tract: one); ratios to Python's, round by round")
    for name, (file, models) in towers().items():
        table = contestants(file, models, args)
        order = list(table.values())
        for _ in range(args.photos):
            for contestant in order:
                contestant.embed()
            order.reverse()
        peer = table["python"].seconds
        for kind, contestant in table.items():
            contestant.close()
            ratio = median(own / its for own, its in zip(contestant.seconds, peer))
            figures = f"{median(contestant.seconds):8.3f} s {ratio:6.2f}x   peak {contestant.peak / MIB:5.0f} MiB"
            print(f"{name:12} {kind:6} {figures}", flush=True)
    if args.facts:
        folder = LOCAL / "tiny-int8"
        folder.mkdir(parents=True, exist_ok=True)
        hits.report(folder, args.facts, args.facts)


if __name__ == "__main__":
    main()
