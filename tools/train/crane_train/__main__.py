"""`python -m crane_train STAGE`: every stage resumes where it stopped and skips what is done.

Stages: bank, towers, vision, language, bundle (exports and calibrates), demo, golden, evalset, all (bank to golden), smoke.
"""
import argparse
import os
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[3]


def parse():
    p = argparse.ArgumentParser(prog="crane_train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("stage", choices="bank towers vision language bundle demo golden evalset all smoke".split())
    p.add_argument("--work", type=Path, default=ROOT / ".local" / "train", help="checkpoints and photos (1.5 GB)")
    p.add_argument("--out", type=Path, help="where the bundle, the demo, the goldens or the evaluation set go")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--per-scenario", type=int, default=300, help="cases per scenario of an evaluation set")
    return p.parse_args()


class Run:
    """One training run. `small` shrinks every figure so that the whole path runs in a minute or two."""

    def __init__(self, work: Path, seed: int, threads: int, small: bool = False):
        torch.set_num_threads(threads)
        self.work, self.seed, self.threads, self.small = work, seed, threads, small
        work.mkdir(parents=True, exist_ok=True)

    def bank(self):
        from . import bank, tokens
        families, shots, known, watched = (8, 3, 6, 12) if self.small else (1200, 5, 100, 200)
        bank.build(self.work, self.seed, families, shots, known, watched, self.threads)
        tokens.build(self.work)

    def encoders(self):
        from . import encoders
        plan = encoders.Plan(steps=4, families=4, text_pairs=8, head_steps=4, save_every=2) if self.small else encoders.Plan()
        trainer = encoders.Trainer(self.work, self.seed, plan)
        trainer.train_towers()
        return trainer, trainer.train_head()

    def vision(self):
        from . import vision
        trainer = vision.Trainer(self.work, self.seed, vision.Plan(steps=4, batch=12, known=4, save_every=2) if self.small else vision.Plan())
        trainer.train()
        return trainer

    def language(self, eye):
        from . import sft
        plan = sft.Plan(steps=4, batch=4, save_every=2, watched=2, watched_last=2) if self.small else sft.Plan()
        return sft.Trainer(self.work, self.seed, plan, sft.Eye(self.work, eye)).train()

    def rounded_encoders(self):
        from . import export_onnx
        trainer, head = self.encoders()
        export_onnx.halve(trainer.model)
        export_onnx.halve(head)
        return trainer, head

    def bundle(self, out: Path):
        from . import bundle, calibrate
        trainer, head = self.rounded_encoders()
        eye = self.vision()
        bundle.write(out, self.work, trainer.model, head, eye.tower, self.language(eye), calibrate.gates(trainer, head, 12 if self.small else 200))

    def golden(self, out: Path):
        from . import golden
        trainer, head = self.rounded_encoders()
        golden.images(out)
        golden.tokenizer(out, self.work)
        golden.towers(out, self.work, trainer.model.eval(), head)
        golden.language_model(out, self.work)


def main():
    args = parse()
    small = args.stage == "smoke"
    run = Run(args.work / "smoke" if small else args.work, args.seed, args.threads, small)
    everything = args.stage == "all"
    if args.stage in ("bank", "all"):
        run.bank()
    if args.stage == "towers":
        run.encoders()
    if args.stage == "vision":
        run.vision()
    if args.stage == "language":
        run.language(run.vision())
    if args.stage in ("bundle", "all"):
        run.bundle(args.out or ROOT / "models" / "tiny")
    if args.stage in ("demo", "all"):
        from . import demo
        demo.write(args.out or ROOT / "models" / "tiny" / "demo")
    if args.stage in ("golden", "all"):
        run.golden(ROOT / "core" / "tests" / "golden" if everything or not args.out else args.out)
    if args.stage == "evalset":
        from . import evalset
        evalset.Writer(args.out or args.work / f"eval-{args.seed}", args.seed, args.per_scenario).write()
    if small:
        run.bank()
        run.bundle(run.work / "bundle")
        run.golden(run.work / "golden")
        print("smoke: the whole path ran", flush=True)


if __name__ == "__main__":
    main()
