"""What is Python's own: photos in every shape, types, streams that are left, the README's example."""

import contextlib
import gc
import io
import os
import pathlib
import tempfile
import unittest

import crane
from crane import _images

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODELS, PHOTO = ROOT / "models/tiny", ROOT / "models/tiny/demo/gate.jpg"
QUESTION = "Whose emblem is this?"


class Pixels:
    """As much of a NumPy array as a photo needs, where NumPy is not installed."""

    __array_interface__ = {}

    def __init__(self, data, *shape, type="|u1"):
        self.data, self.shape, self.ndim = data, shape, len(shape)
        self.dtype = self
        self.str = type

    def tobytes(self):
        return self.data


class Package(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def open(self):
        runtime = crane.Crane(MODELS, self.folder / "library")
        self.addCleanup(runtime.close)
        return runtime

    def test_the_readmes_example(self):
        readme = (ROOT / "ffi/python/README.md").read_text("utf-8")
        example = readme.split("```python\n")[1].split("```")[0].replace('"my-library"', repr(str(self.folder / "l")))
        here, printed = os.getcwd(), io.StringIO()
        os.chdir(ROOT)
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(example, "README.md", "exec"), {})
        finally:
            os.chdir(here)
        self.assertEqual(printed.getvalue().splitlines()[1:], ["Theaprairk", "This emblem belongs to Theaprairk. True"])

    def test_photos_in_every_shape(self):
        runtime, data = self.open(), PHOTO.read_bytes()
        shapes = [data, bytearray(data), memoryview(data), PHOTO, str(PHOTO)]
        shapes += [Pixels(bytes(8 * 4 * n), 4, 8, n) for n in (1, 3, 4)] + [Pixels(bytes(32), 4, 8)]
        fact = runtime.add(crane.NewFact("A fact.", images=shapes))
        self.assertEqual(fact.image_keys, len(shapes))
        with self.assertRaises(FileNotFoundError):
            runtime.preview(QUESTION, "no/such/file")
        for wrong in (5, Pixels(bytes(64), 4, 8, type="<f4"), Pixels(bytes(8), 2, 2, 2), Pixels(b"", 2)):
            with self.assertRaises(TypeError):
                runtime.preview(QUESTION, wrong)
        with self.assertRaises(crane.CraneError.UnsupportedImage):
            runtime.preview(QUESTION, Pixels(b"", 0, 0, 3))

    def test_photos_of_pil_and_numpy(self):
        try:
            import numpy
            import PIL.Image
        except ImportError as missing:
            self.skipTest(str(missing))
        picture = PIL.Image.open(PHOTO).convert("RGB")
        array = numpy.asarray(picture)
        decoded = PIL.Image.open(io.BytesIO(_images.encode(array)))
        self.assertTrue((numpy.asarray(decoded) == array).all())
        runtime = self.open()
        fact = runtime.add(crane.NewFact("A fact.", images=[picture]))
        fired = [runtime.preview(QUESTION, image).fact for image in (picture, array, array[::1, ::1])]
        self.assertEqual([f.id for f in fired], [fact.id] * 3)

    def test_wrong_types_are_type_errors(self):
        runtime = self.open()
        for call in (
            lambda: runtime.add("no NewFact"),
            lambda: runtime.add(crane.NewFact(5)),
            lambda: runtime.add(crane.NewFact("A fact.", texts=[5])),
            lambda: runtime.add(crane.NewFact("A fact.", valid_from="soon")),
            lambda: runtime.get(None),
            lambda: runtime.ask(None),
            lambda: runtime.search("words", "many"),
            lambda: crane.Crane(None, self.folder),
        ):
            with self.assertRaises((TypeError, AttributeError)):
                call()
        for out_of_range in (-1, 1 << 40):
            with self.assertRaises(ValueError):
                runtime.search("words", out_of_range)
        with self.assertRaises(UnicodeError):
            runtime.add(crane.NewFact("a lone surrogate \udcff"))
        self.assertEqual(runtime.facts(), [])

    def test_a_stream_that_is_left_cancels_and_leaves_the_runtime_ready(self):
        runtime = self.open()
        runtime.warm_up()
        for leave in ("break", "drop", "raise"):
            with contextlib.suppress(ZeroDivisionError):
                with runtime.stream(QUESTION, PHOTO) as stream:
                    for _ in stream:
                        if leave == "raise":
                            raise ZeroDivisionError
                        break
            if leave == "drop":
                stream = runtime.stream(QUESTION, PHOTO)
                del stream
                gc.collect()
        self.assertEqual(runtime.ask(QUESTION, PHOTO).text, "Beawurk")
        ended = runtime.stream(QUESTION, PHOTO)
        first = ended.answer()
        ended.cancel()
        self.assertEqual((list(ended), ended.answer()), ([], first), "cancelling what has ended does nothing")

    def test_closing_twice_and_using_it_afterwards(self):
        with crane.Crane(MODELS, self.folder / "library") as runtime:
            fact = runtime.add(crane.NewFact("A fact."))
        runtime.close()
        for call in (runtime.facts, runtime.undo, runtime.warm_up, lambda: runtime.ask(QUESTION)):
            with self.assertRaises(crane.CraneError.Closed) as raised:
                call()
            self.assertEqual(crane.error_code(raised.exception), 18)
        never_closed = crane.Crane(MODELS, self.folder / "library")
        self.assertEqual(never_closed.get(fact).statement, "A fact.")
        del never_closed
        gc.collect()
        with crane.Crane(MODELS, self.folder / "library", read_only=True) as reader:
            self.assertEqual(reader.get(fact.id).id, fact.id)

    def test_keys(self):
        self.assertRegex(crane.generate_key(), "^cranekey1:[0-9a-f]{64}$")
        with self.assertRaises(crane.CraneError.InvalidInput) as raised:
            crane.Crane(MODELS, self.folder / "library", key="my secret")
        self.assertNotIn("my secret", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
