#!/usr/bin/env bash
# A program keeps a JACK client open and asks, by jack_get_uuid_for_client_name, which client has a name. A client of that
# name comes, goes, and another process's client of the same name comes. JACK's library gives each its own uuid, so a watcher
# can tell the second from the first. PipeWire's JACK library gives the first one's uuid for ever, also while nobody has
# the name: a program that tells a restarted partner by it takes the new one for the old one, which has never gone.
# jack_port_uuid of a port that is looked up anew does change.
#
# pipewire, pipewire-bin, pipewire-jack, libpipewire-0.3-0, libpipewire-0.3-modules, libspa-0.2-modules 0.3.65-3+deb12u1 (Debian 12):
#   before anybody: (None, None); first: (b'8589934627', 4294967332); nobody: (b'8589934627', None); second: (b'8589934627', 4294967335)
# Source: jack/jack.h, on jack_get_uuid_for_client_name: it gets the session ID of a client by that client's name.
set -euo pipefail
version=0.3.65-3+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
(cd "$folder" && apt-get download pipewire{,-bin,-jack}=$version libpipewire-0.3-{0,modules}=$version \
    libspa-0.2-modules=$version >/dev/null 2>&1)
for package in "$folder"/*.deb; do dpkg -x "$package" "$folder/root"; done
libraries=$(dirname "$(find "$folder/root/usr/lib" -name 'libpipewire-0.3.so.0' | head -1)")
export LD_LIBRARY_PATH=$libraries/pipewire-0.3/jack:$libraries PIPEWIRE_MODULE_DIR=$libraries/pipewire-0.3
export SPA_PLUGIN_DIR=$libraries/spa-0.2 PIPEWIRE_CONFIG_DIR=$folder/root/usr/share/pipewire XDG_RUNTIME_DIR=$folder
"$folder/root/usr/bin/pipewire" >"$folder/pipewire.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
sleep 2
python3 - "$libraries/pipewire-0.3/jack/libjack.so.0" 2>/dev/null <<'PY'
import ctypes
import subprocess
import sys
import time

OTHER = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.jack_client_open.restype = ctypes.c_void_p
library.jack_port_register.argtypes = [ctypes.c_void_p, *[ctypes.c_char_p] * 2, *[ctypes.c_ulong] * 2]
client = library.jack_client_open(b"partner", 1, None)
library.jack_port_register(client, b"out", b"8 bit raw midi", 2, 0)
print("there", flush=True)
sys.stdin.read()
"""
library = ctypes.CDLL(sys.argv[1])
library.jack_client_open.restype = ctypes.c_void_p
library.jack_get_uuid_for_client_name.restype = ctypes.c_char_p
library.jack_get_uuid_for_client_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
library.jack_port_by_name.restype = ctypes.c_void_p
library.jack_port_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
library.jack_port_uuid.restype = ctypes.c_uint64
library.jack_port_uuid.argtypes = [ctypes.c_void_p]
watcher = library.jack_client_open(b"watcher", 1, None)


def look():
    """The uuid by the client's name, and that of its port."""
    time.sleep(0.5)
    port = library.jack_port_by_name(watcher, b"partner:out")
    return library.jack_get_uuid_for_client_name(watcher, b"partner"), library.jack_port_uuid(port) if port else None


def partner():
    """What is seen while another process has a client of that name."""
    with subprocess.Popen([sys.executable, "-c", OTHER, sys.argv[1]], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout.readline() == "there\n"
        seen = look()
        process.stdin.close()
    return seen


before, first, nobody, second = look(), partner(), look(), partner()
print(f"before anybody: {before}; first: {first}; nobody: {nobody}; second: {second}")
assert before == (None, None), "the behaviour has changed"
assert first[0] == nobody[0] == second[0] is not None, "the behaviour has changed"
assert first[1] != second[1], "the behaviour has changed"
PY
