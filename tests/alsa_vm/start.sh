# Loads the sequencer and the drivers, describes a USB keyboard to the kernel's gadget driver, runs the checks.
set -eu
for module in snd-seq snd-seq-dummy snd-seq-midi snd-usb-audio dummy_hcd libcomposite usb_f_midi; do modprobe $module; done

mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
gadget=/sys/kernel/config/usb_gadget/keys
mkdir -p $gadget/strings/0x409 $gadget/functions/midi.usb0 $gadget/configs/c.1
echo 0x1c75 >$gadget/idVendor
echo 0x0219 >$gadget/idProduct
echo Arturia >$gadget/strings/0x409/manufacturer
echo "KeyStep 37" >$gadget/strings/0x409/product
ln -s $gadget/functions/midi.usb0 $gadget/configs/c.1/

# Emulated, every note is late, and livegen leaves out notes that are more than 10 ms late: here 10 minutes.
player=$(echo /opt/livegen/lib/python3*/site-packages/livegen/midi_out/player.py)
grep -q '^LATE_NS = 10 \*' "$player"
sed -i 's/^LATE_NS = 10 \*/LATE_NS = 600_000 */' "$player"
# Emulated, an engine is silent for long, threads with real-time priority keep it from running, and so does a spare.
export LIVEGEN_DAEMON__SILENCE_MS=60000 LIVEGEN_DAEMON__REALTIME=false LIVEGEN_DAEMON__SPARE=off
# Emulated, a network takes its time: one candidate, and no check that asks for another token.
export LIVEGEN_SAMPLING__CANDIDATES=1 LIVEGEN_SAMPLING__AVOID_LOOPS=false LIVEGEN_SAMPLING__VOICE_LEADING=false

export PATH=/opt/livegen/bin:$PATH XDG_RUNTIME_DIR=/run/mine PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
mkdir -m 700 /run/mine
python3 /share/checks.py $(cat /share/wanted)
