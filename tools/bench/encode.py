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


def ours(program: Path, models: Path, args, backend: str) -> dict:
    """Seconds per photo, resizing and all; peak memory of a process of its own."""
    library = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))
    variable = {"ORT_DYLIB_PATH": str(library)} if backend == "onnxruntime" else {}
    command = [program, models, args.photo, backend, args.threads, args.photos]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True, env=os.environ | variable)
    return json.loads(output.stdout)


def peer(model: Path, args) -> dict:
    """The same in Python, in a process of its own."""
    command = [sys.executable, __file__, "--peer", model, "--threads", args.threads, "--photos", args.photos]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(output.stdout)


def run_peer(args) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(args.peer, options, providers=["CPUExecutionProvider"])
    shape = [side if isinstance(side, int) else 1 for side in session.get_inputs()[0].shape]
    pixels = np.random.default_rng(0).standard_normal(shape, np.float32)
    session.run(None, {"pixel_values": pixels})
    times = []
    for _ in range(args.photos):
        start = time.monotonic()
        session.run(None, {"pixel_values": pixels})
        times.append(time.monotonic() - start)
    print(json.dumps({"seconds": times, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


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
    parser.add_argument("--photos", type=int, default=3, help="of each run, after one that does not count")
    parser.add_argument("--runs", type=int, default=2, help="of each, alternating")
    parser.add_argument("--no-tract", action="store_true")
    parser.add_argument("--facts", type=int, default=1000, help="to find the right one of with the tiny towers; 0: don't")
    args = parser.parse_args()
    if args.peer:
        return run_peer(args)
    print(f"medians of {args.runs} x {args.photos} photos, {args.threads} threads (tract: one)")
    print(f"{'':14} {'python':>9} {'ours':>9} {'ratio':>6} {'tract':>9} {'ratio':>6}   peak MiB: python, ours, tract")
    for name, (file, models) in towers().items():
        kinds = ["peer", "onnxruntime"] + ([] if args.no_tract else ["tract"])
        found = {kind: [] for kind in kinds}
        for _ in range(args.runs):
            for kind in kinds:
                found[kind].append(peer(file, args) if kind == "peer" else ours(args.program, models, args, kind))
        seconds = {kind: median(t for run in runs for t in run["seconds"]) for kind, runs in found.items()}
        peaks = ", ".join(f"{max(run['peak'] for run in runs) / MIB:.0f}" for runs in found.values())
        columns = f"{name:14} {seconds['peer']:9.4f}"
        for kind in kinds[1:]:
            columns += f" {seconds[kind]:9.4f} {seconds[kind] / seconds['peer']:5.2f}x"
        print(f"{columns}   {peaks}", flush=True)
    if args.facts:
        folder = LOCAL / "tiny-int8"
        folder.mkdir(parents=True, exist_ok=True)
        hits.report(folder, args.facts, args.facts)


if __name__ == "__main__":
    main()
