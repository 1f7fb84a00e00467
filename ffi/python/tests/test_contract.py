"""The contract (`tests/contract`) through this package."""

import json
import pathlib
import queue
import tempfile
import threading
import unittest

import crane
from crane import _native

ROOT = pathlib.Path(__file__).resolve().parents[3]
EVENTS = {"routed": "ROUTED", "decided": "DECIDED", "think": "THINK_DELTA", "answer": "ANSWER_DELTA"}
STATES = {state.name.lower(): state for state in crane.FactState}
ERRORS = {
    "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_"): name
    for name in _native.error_codes()
}


def text(value):
    return value["repeat"] * value["times"] if isinstance(value, dict) else value


def photo(value):
    return bytes([value["bytes"]]) * value["times"] if isinstance(value, dict) else ROOT / value


def new_fact(value):
    return crane.NewFact(
        text(value["statement"]),
        subject=text(value.get("subject")),
        target=text(value.get("target")),
        images=[photo(image) for image in value.get("images", [])],
        texts=[text(key) for key in value.get("texts", [])],
        source=text(value.get("source")),
        note=text(value.get("note")),
        valid_from=value.get("valid_from"),
        valid_until=value.get("valid_until"),
    )


def kind_of(event):
    return next(kind for kind, name in EVENTS.items() if getattr(event, "is_" + name)())


class Once:
    """A value that one thread sets and another waits for."""

    def __init__(self):
        self.there, self.value = threading.Event(), None

    def set(self, value):
        self.value = value
        self.there.set()

    def get(self):
        self.there.wait()
        return self.value


class Runner:
    """Runs the steps of one script."""

    def __init__(self, test, folder):
        self.test, self.folder = test, folder
        self.runtime, self.ids_by_name, self.names = None, {}, {}

    def run(self, step):
        if step.get("needs") not in (None, "encryption" if crane.has_encryption() else "no_encryption"):
            return
        if step["do"] == "parallel":
            return self.parallel(step)
        try:
            # `import` alone can't be a method's name.
            outcome = getattr(self, {"import": "import_"}.get(step["do"], step["do"]))(step)
        except crane.CraneError as error:
            name = next(name for name, kind in ERRORS.items() if kind == type(error).__name__)
            outcome = {"error": name, "code": crane.error_code(error)}
            self.test.assertTrue(str(error))
        expect = step.get("expect", {})
        self.test.assertEqual(outcome.get("error"), expect.get("error"), (step, outcome))
        for key, value in expect.items():
            self.test.assertEqual(outcome.get(key, "nothing"), value, (key, step, outcome))

    def parallel(self, step):
        failures = []

        def work():
            try:
                for inner in step["steps"]:
                    self.run(inner)
            except BaseException as error:  # noqa: B902 - told below, on the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(step["times"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def id(self, step):
        return self.ids_by_name.get(step["id"], step["id"]) if isinstance(step["id"], str) else text(step["id"])

    def name(self, id):
        return self.names.get(id, id)

    def told(self, step, fact):
        self.ids_by_name[step["as"]], self.names[fact.id] = fact.id, step["as"]
        return self.fact(fact)

    def fact(self, fact):
        keys = "statement subject target source note valid_from valid_until image_keys text_keys".split()
        outcome = {key: getattr(fact, key) for key in keys}
        outcome["id"], outcome["state"] = self.name(fact.id), fact.state.name.lower()
        outcome["trusted"] = fact.origin and fact.origin.trusted
        outcome["supersedes"] = fact.supersedes and self.name(fact.supersedes)
        return outcome

    def facts(self, facts):
        return {"facts": [self.name(fact.id) for fact in facts]}

    def change(self, entry):
        return {"op": entry.op, "facts": [self.name(id) for id in entry.facts]} if entry else {"op": None}

    def traced(self, answer):
        decision = answer.trace.decision
        fired = decision.fact if decision.is_FIRE() else None
        self.test.assertEqual(fired, answer.fact and answer.fact.id)
        reason = "fire" if fired else "empty_index" if decision.reason.is_EMPTY_INDEX() else "below_threshold"
        route = answer.trace.route.name.lower()
        return {"fired": fired and self.name(fired), "reason": reason, "route": route, "hits": len(answer.trace.hits)}

    def open(self, step):
        models, library = self.models(step), self.folder / step.get("library", "library")
        options = {key: step[key] for key in ("key", "read_only", "keep_thumbnails") if key in step}
        self.runtime = crane.Crane(models, library, **options)
        return {}

    def models(self, step):
        return ROOT / step.get("models", "models/tiny")

    def put(self, step):
        file, content = self.folder / step["file"], photo(step["content"])
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        return {}

    def close(self, step):
        self.runtime.close()
        return {}

    def add(self, step):
        return self.told(step, self.runtime.add(new_fact(step["fact"])))

    def conflicts(self, step):
        found = self.runtime.conflicts(new_fact(step["fact"]))
        reasons = ["subject" if conflict.similarity is None else "picture" for conflict in found]
        return {"facts": [self.name(conflict.fact) for conflict in found], "reasons": reasons}

    def edit(self, step):
        return self.fact(self.runtime.edit(self.id(step), new_fact(step["fact"])))

    def supersede(self, step):
        if "ids" in step:
            return self.told(step, self.runtime.supersede_all(self.ids(step), new_fact(step["fact"])))
        return self.told(step, self.runtime.supersede(self.id(step), new_fact(step["fact"])))

    def enable(self, step):
        return self.fact(self.runtime.enable(self.id(step)))

    def disable(self, step):
        return self.fact(self.runtime.disable(self.id(step)))

    def delete(self, step):
        return self.fact(self.runtime.delete(self.id(step)))

    def get(self, step):
        return self.fact(self.runtime.get(self.id(step)))

    def forget(self, step):
        receipt = self.runtime.forget(self.id(step))
        return {"fact": self.name(receipt.fact), "digest_digits": len(receipt.digest)}

    def keys(self, step):
        keys = self.runtime.keys(self.id(step))
        images = [key for key in keys if key.modality == crane.Modality.IMAGE]
        return {"images": len(images), "texts": [key.text for key in keys if key.text is not None]}

    def thumbnail(self, step):
        return {"jpeg": (self.runtime.thumbnail(step["key"]) or b"")[:2] == b"\xff\xd8"}

    def receipts(self, step):
        return {"facts": [self.name(receipt.fact) for receipt in self.runtime.receipts()]}

    def list(self, step):
        states = [STATES[state] for state in step.get("states", [])]
        rest = {key: step[key] for key in ("source", "subject", "offset", "limit") if key in step}
        return self.facts(self.runtime.facts(states=states, **rest))

    def search(self, step):
        return self.facts(self.runtime.search(text(step["words"]), step["limit"]))

    def history(self, step):
        entries = self.runtime.history(self.id(step) if "id" in step else None, step["limit"])
        return {"ops": [entry.op for entry in entries]}

    def undo(self, step):
        return self.change(self.runtime.undo())

    def redo(self, step):
        return self.change(self.runtime.redo())

    def preview(self, step):
        question, source = text(step["question"]), text(step.get("source"))
        return self.traced(self.runtime.preview(question, self.image(step), source=source))

    def image(self, step):
        return photo(step["image"]) if "image" in step else None

    def ask(self, step):
        question, image = text(step["question"]), self.image(step)
        if "at" in step:
            order, pieces, answer = self.listen(step, question, image)
        else:
            options = {key: step[key] for key in ("thought_tokens", "temperature") if key in step}
            source = text(step.get("source"))
            with self.runtime.stream(question, image, crane.AskOptions(**options), source=source) as stream:
                order, pieces = self.heard(stream)
                answer = stream.answer()
        thoughts = order.count("think")
        self.test.assertEqual(order, ["routed", "decided"] + ["think"] * thoughts + ["answer"] * order.count("answer"))
        self.test.assertEqual(pieces, {"think": answer.thought, "answer": answer.text})
        reply = answer.trace.reply
        return {**self.traced(answer), "text": answer.text, "cited": reply.cited, "well_formed": reply.well_formed}

    def heard(self, events):
        order, pieces = [], {"think": "", "answer": ""}
        for event in events:
            order.append(kind_of(event))
            if order[-1] in pieces:
                pieces[order[-1]] += event.text
        return order, pieces

    def listen(self, step, question, image):
        """Acts within the listener itself, beneath the stream, where nothing has gone on meanwhile."""
        runner, ended, events = self, queue.Queue(), []

        class Listener(_native.AnswerListener):
            def on_event(self, event):
                events.append(event)
                if kind_of(event) == step["at"]:
                    runner.act(step["then"], task.get())

            def on_answer(self, answer):
                ended.put(answer)

            def on_error(self, error):
                ended.put(error)

        task = Once()
        task.set(self.runtime._crane.ask(_native.Question(text=question, image=image.read_bytes()), Listener()))
        answer = ended.get()
        if isinstance(answer, crane.CraneError):
            raise answer
        return *self.heard(events), answer

    def act(self, then, task):
        if then == "cancel":
            task.cancel()
        elif then == "cancel_elsewhere":
            thread = threading.Thread(target=task.cancel)
            thread.start()
            thread.join()
        elif then == "close":
            self.runtime.close()
        elif then == "list":
            self.runtime.facts()
        else:
            raise RuntimeError("thrown on purpose")

    def as_of(self, step):
        return self.fact(self.runtime.as_of(self.id(step), step["seq"]))

    def restore(self, step):
        return self.fact(self.runtime.restore(self.id(step), step["seq"]))

    def ids(self, step):
        return [self.ids_by_name.get(name, name) for name in step["ids"]] if "ids" in step else None

    def watched(self, step, work):
        """Listens as the step wants, and tells whether what was heard makes sense."""
        shares = []

        def on_progress(share):
            shares.append(share)
            if step["progress"] == "throw":
                raise crane.CraneError.Cancelled("thrown on purpose")

        outcome = work(on_progress if "progress" in step else None)
        if "progress" in step:
            outcome["progress"] = all(0 <= share <= 1 for share in shares) and shares[-1:] == [1]
        return outcome

    def export(self, step):
        def work(told):
            options = {"facts": self.ids(step), "signing_key": step.get("signing_key"), "on_progress": told}
            report = self.runtime.export_pack(self.folder / step["file"], **options)
            return {"exported": report.facts, "keys": report.keys, "receipts": report.receipts}

        return self.watched(step, work)

    def preview_pack(self, step):
        def work(told):
            trusted = step.get("trusted", [])
            found = self.runtime.preview_pack(self.folder / step["file"], trusted=trusted, on_progress=told)
            conflicts = [self.name(conflict.fact) for conflict in found.conflicts]
            outcome = {"signer": found.origin.signer, "trusted": found.origin.trusted, "conflicts": conflicts}
            return {**outcome, "new": self.name_all(found.new), "same": self.name_all(found.same)}

        return self.watched(step, work)

    def name_all(self, ids):
        return [self.name(id) for id in ids]

    def import_(self, step):
        def work(told):
            options = {"trusted": step.get("trusted", []), "on_progress": told}
            if "on_conflict" in step:
                options["on_conflict"] = crane.OnConflict[step["on_conflict"].upper()]
            report = self.runtime.import_pack(self.folder / step["file"], **options)
            kinds = ("added", "replaced", "superseded", "skipped")
            return {kind: self.name_all(getattr(report, kind)) for kind in kinds}

        return self.watched(step, work)

    def pack_facts(self, step):
        return self.facts(crane.pack_facts(self.folder / step["file"], self.ids(step) or []))

    def public_key(self, step):
        return {"public_key": crane.public_key(step["signing_key"])}

    def model_info(self, step):
        info = self.runtime.model_info()
        outcome = {"name": info.name, "context": info.context}
        return {**outcome, "language": info.language.architecture, "vision": info.vision.architecture}

    def devices(self, step):
        return {"cpu": any(device.kind == crane.DeviceKind.CPU for device in self.runtime.devices())}

    def library(self, step):
        return crane.FactLibrary(self.folder / step.get("library", "library"), step.get("key"))

    def checked(self, report):
        worst = report.findings[0].severity.name.lower() if report.findings else None
        found = [finding.part.name.lower() for finding in report.findings]
        return {"checked": report.facts, "worst": worst, "found": found}

    def check(self, step):
        return self.watched(step, lambda told: self.checked(self.library(step).check(told)))

    def repair(self, step):
        def work(told):
            report = self.library(step).repair(told)
            return {**self.checked(report.after), "done": [done.name.lower() for done in report.done]}

        return self.watched(step, work)

    def salvage(self, step):
        def work(told):
            report = self.library(step).salvage(self.folder / step["into"], self.models(step), told)
            return {"saved": report.facts, "lost": report.lost_facts}

        return self.watched(step, work)

    def reembed(self, step):
        def work(told):
            report = self.library(step).reembed(self.models(step), on_progress=told)
            return {"keys": report.keys, "projected": report.projected}

        return self.watched(step, work)

    def is_encrypted(self, step):
        return {"encrypted": self.library(step).is_encrypted()}

    def set_key(self, step):
        self.library(step).set_key(step.get("new_key"))
        return {}

    def warm_up(self, step):
        return self.watched(step, lambda told: self.runtime.warm_up(told) or {})

    def background(self, step):
        self.runtime.on_background()
        return {}

    def foreground(self, step):
        self.runtime.on_foreground()
        return {}

    def trim(self, step):
        self.runtime.trim_memory(crane.TrimLevel[step["level"].upper()])
        return {}

    def memory(self, step):
        usage = self.runtime.memory_usage()
        return {"models": usage.language_weights > 0 and usage.encoders > 0, "index": usage.index > 0}

    def backends(self, step):
        backends = self.runtime.backends()
        return {"encoder": backends.encoder is not None, "language": backends.language is not None}


class Contract(unittest.TestCase):
    pass


def _add(file):
    def test(self):
        with tempfile.TemporaryDirectory() as folder:
            runner = Runner(self, pathlib.Path(folder))
            for step in json.loads(file.read_text("utf-8"))["steps"]:
                runner.run(step)

    setattr(Contract, "test_" + file.stem, test)


for _file in sorted((ROOT / "tests/contract").glob("*.json")):
    _add(_file)

if __name__ == "__main__":
    unittest.main()
