#!/bin/sh
# livegen on a real ALSA sequencer: a virtual machine with Debian 12, its own kernel, and livegen as it is committed here.
#
#   tests/alsa_vm/machine.sh build           the machine, 5 to 9 minutes; again after a commit: 2
#   tests/alsa_vm/machine.sh boot            boots it, runs every check of checks.py, prints a table; 40 minutes
#   tests/alsa_vm/machine.sh boot rtmidi:    ... the checks whose names hold one of these words
#
# Its exit status is 1 when a note hangs or another check fails. It needs Debian 12 with mmdebstrap, qemu-system-x86 and
# python3.11, root, and 5 GB in WORK. pip and apt here find what the machine gets: nothing in it reaches the network.
#
# The machine is emulated (ACCEL=kvm where KVM runs guests), so its times mean nothing: see start.sh for what is set
# otherwise in it. Nothing heavy may run beside it. The checks play and listen by alsa-utils' programs, and by a keyboard
# that the kernel's USB gadget driver makes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
WORK=${WORK:-${TMPDIR:-/tmp}/livegen-alsa-vm}
SOURCES=${SOURCES:-/etc/apt/sources.list.d/debian.sources} # where Debian's packages come from
PYTHON=${PYTHON:-python3.11}                               # of the machine's version: its pip collects the wheels
root=$WORK/root
mkdir -p "$WORK"

debian() {
    [ ! -d "$root/usr" ] || return 0
    # A mirror may be a snapshot, whose lists are past their date.
    mmdebstrap --mode=root --variant=minbase \
        --include=python3,python3-venv,alsa-utils,kmod,procps,udev,linux-image-amd64 \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        bookworm "$root" - <"$SOURCES"
}

livegen() {
    rm -rf "$WORK/source" "$root/tmp/wheels"
    mkdir "$WORK/source"
    git -C "$source" archive HEAD | tar x -C "$WORK/source"
    [ -d "$root/opt/livegen" ] || chroot "$root" python3 -m venv /opt/livegen
    "$PYTHON" -m pip wheel --quiet --wheel-dir "$root/tmp/wheels" "$WORK/source"
    chroot "$root" sh -c '/opt/livegen/bin/pip install --quiet --no-index --force-reinstall /tmp/wheels/*.whl'
    rm -r "$root/tmp/wheels"
}

image() {
    install -m 755 "$here/first.sh" "$root/sbin/first"
    cp "$root"/boot/vmlinuz-* "$WORK/kernel"
    cp "$root"/boot/initrd.img-* "$WORK/initrd"
    rm -f "$WORK/image"
    mke2fs -q -t ext4 -d "$root" "$WORK/image" 3G
}

boot() {
    share=$WORK/share
    rm -rf "$share"
    mkdir "$share"
    cp "$here/start.sh" "$here"/*.py "$share"
    echo "$*" >"$share/wanted"
    timeout "${LIMIT:-3600}" qemu-system-x86_64 -machine q35 -accel "${ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m 3G \
        -nographic -no-reboot -nic none -kernel "$WORK/kernel" -initrd "$WORK/initrd" \
        -drive "file=$WORK/image,format=raw,if=virtio,snapshot=on" \
        -virtfs "local,path=$share,mount_tag=share,security_model=none" \
        -append "console=ttyS0 root=/dev/vda rw init=/sbin/first quiet panic=5 mitigations=off" \
        </dev/null >"$share/console" 2>&1 || true
    cat "$share/table" || tail "$share/console"
    tail -n 1 "$share/table" | grep -q '^all well'
}

case ${1:-} in
build)
    debian
    livegen
    image
    ;;
boot)
    shift
    boot "$@"
    ;;
*)
    sed -n '2,14p' "$0"
    exit 2
    ;;
esac
