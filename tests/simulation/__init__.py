"""A simulated installation: weeks of it in minutes, from one seed, with everything that can go wrong.

``python -m tests.simulation --seed 7 --hours 24``. The production code runs as it is, on a clock turned by hand and
without its threads: engine, pipe, supervisor, event router, controls, player, ledger, keyboards, ports, recorder.
Simulated are what it meets: the MIDI system (in rtmidi's place), the disk, the engine's process, the people.

    agenda.py    one heap of what is to come, and its clock
    midi.py      the MIDI system: devices, cables, servers that die
    receiver.py  a synthesiser, and what it hears
    sent.py      what livegen sends, checked message by message
    disk.py      files that a full, slow or read-only disk keeps
    models.py    small real networks
    process.py   the engine's process
    house.py     the port process, without its threads
    visitors.py  the people
    faults.py    what goes wrong, and when
    checks.py    what must hold after every event
    world.py     all of it
"""
