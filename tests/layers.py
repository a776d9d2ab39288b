#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make layers`: rooms include only what docs/architecture.md lets them, and each library is
included in one room. Usage: layers.py CC ROOM..."""
import os
import re
import subprocess
import sys

# room: (rooms it may include beside itself, library headers it may include)
ROOMS = {
    "base": ((), ("json-c/", "yaml.h", "event2/", "event.h", "openssl/", "zlib.h", "http_parser.h",
                  "nghttp2/")),
    "runtime": (("base",), ("seccomp.h", "sys/capability.h", "linux/")),
    "image": (("base",), ("archive.h", "archive_entry.h")),
    "netns": (("base",), ("libmnl/",)),
    "orchestrator/schema": (("base",), ()),
    "orchestrator/core": (("base", "orchestrator/schema"), ()),
    "orchestrator/wire": (("base",), ()),
    "orchestrator/server": (("base", "orchestrator/schema", "orchestrator/core",
                             "orchestrator/wire"), ("sqlite3.h",)),
    "orchestrator/agent": (("base", "orchestrator/core", "orchestrator/wire", "runtime", "image",
                            "netns"), ()),
    "orchestrator": (("base", "runtime", "image", "netns", "orchestrator/schema",
                      "orchestrator/core", "orchestrator/wire", "orchestrator/server",
                      "orchestrator/agent"), ()),
    "ctl": (("base", "orchestrator/schema"), ()),
}
# The only headers that other rooms may include ("": every header, for base and the lower core rooms).
DOORS = {"runtime": ("runtime.h", "spec.h"), "image": ("image.h",), "netns": ("netns.h",)}
LIBRARIES = ("json-c/", "yaml.h", "event2/", "event.h", "openssl/", "zlib.h", "http_parser.h",
             "nghttp2/", "seccomp.h", "sys/capability.h", "archive.h", "archive_entry.h", "libmnl/",
             "sqlite3.h")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def files(room):
    for name in sorted(os.listdir(room)) if os.path.isdir(room) else ():
        if name.endswith((".c", ".h")):
            yield os.path.join(room, name)


def room_of(header):
    return os.path.dirname(header)


def main():
    bad = []
    for room in sys.argv[2:]:
        may_rooms, may_libs = ROOMS[room]
        for path in files(room):
            test = path.endswith(("_test.c", "_fuzz.c"))
            for kind, header in INCLUDE.findall(open(path, encoding="utf-8").read()):
                if kind == "<":
                    lib = next((l for l in LIBRARIES if header.startswith(l)), None)
                    if lib and lib not in may_libs:
                        bad.append(f"{path}: <{header}> is wrapped by another room")
                    continue
                other = room_of(header)
                if other == room or (test and other.startswith("tests")):
                    continue
                if other not in may_rooms:
                    bad.append(f"{path}: {room} may not include {header}")
                elif other in DOORS and os.path.basename(header) not in DOORS[other]:
                    bad.append(f"{path}: {header} is not the door of {other}")
    # What the preprocessor really sees must agree: no header reached behind our back.
    objects = [f for r in sys.argv[2:] for f in files(r) if f.endswith(".c")]
    for path in objects:
        if path.endswith(("_test.c", "_fuzz.c")):
            continue
        out = subprocess.run([sys.argv[1], "-D_GNU_SOURCE", "-I.", "-MM", path], check=False,
                             capture_output=True, text=True).stdout
        room = room_of(path)
        for header in out.replace("\\\n", " ").split()[2:]:
            other = room_of(os.path.normpath(header))
            if other and other != room and other in ROOMS and other not in ROOMS[room][0] and \
                    not any(other in ROOMS[r][0] for r in ROOMS[room][0]):
                bad.append(f"{path}: reaches {header}")
    print("\n".join(bad) if bad else f"layers: {len(objects)} files, all arrows point down")
    return 1 if bad else 0


sys.exit(main())
