"""Makes a wheel of a staged package: `wheel.py STAGE VERSION OUT`.

STAGE holds the folder `crane` with everything that belongs into the package, the library included. A wheel is a zip file with
three files of metadata (packaging.python.org, "Binary distribution format"), so Python alone is enough to make one: neither a
build front end nor a connection is needed. The platform is this machine's; `auditwheel repair` makes it a manylinux wheel.
"""

import base64
import hashlib
import pathlib
import sys
import sysconfig
import zipfile

METADATA = """\
Metadata-Version: 2.1
Name: crane-edit
Version: {version}
Summary: Correct a fact once, on your own device, and the model on that device reasons with the correction
License: MIT OR Apache-2.0
Requires-Python: >=3.9
Description-Content-Type: text/markdown

{readme}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: crane
Root-Is-Purelib: false
Tag: {tag}
"""


def main(stage, version, out):
    stage, out = pathlib.Path(stage), pathlib.Path(out)
    readme = pathlib.Path(__file__).with_name("README.md").read_text("utf-8")
    tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    info = f"crane_edit-{version}.dist-info"
    files = {str(file.relative_to(stage)): file.read_bytes() for file in sorted(stage.rglob("*")) if file.is_file()}
    files[f"{info}/METADATA"] = METADATA.format(version=version, readme=readme).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag).encode()
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"crane_edit-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files.items():
            # A fixed time: the same content makes the same wheel.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    print(wheel)


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
