"""livegen: play a phrase, and a neural network answers, in time, as MIDI.

This page is the map. The path of an event:

    keyboard → midi_in/ → ipc/ → engine/, model/ → ipc/ → midi_out/ → synth, DAW

A folder runs in one process. The port process owns the ports and the time; it never runs a network:

    midi_ports/names.py          which port is meant, and which is a keyboard
    midi_ports/rtmidi_client.py  the one place that speaks rtmidi: systems, clients, ports that are plugged in
    midi_ports/jack.py           what rtmidi cannot ask of JACK
    midi_in/port.py              where notes come in, stamped at arrival; also a port in memory
    midi_in/parser.py            whole messages out of whatever bytes come in
    midi_in/input_filter.py      one input, made well-formed
    midi_in/loop_detector.py     detects our own notes coming back to us
    midi_out/port.py             where notes leave; also a port in memory
    midi_out/sender.py           sends messages, one at a time, and writes each note down first
    midi_out/limiter.py          how loud and how long notes may be
    midi_out/sounding.py         what sounds at one output
    midi_out/ledger.py           every note that sounds, in a file that outlives the process
    midi_out/scheduler.py        what is still to be played
    midi_out/player.py           the thread that waits for each moment and sends
    midi_out/offline.py          what would sound, without threads and ports
    sync/clock_message.py        what another's MIDI clock says
    sync/midi_clock_in.py        follows another's MIDI clock
    sync/pulse_tracker.py        clock pulses as they were meant: which were late, lost or doubled
    sync/pulse_regression.py     the line through them
    sync/jack_stall.py           pulses through JACK, whose time may stand still
    sync/midi_clock_out.py       our own MIDI clock
    sync/ableton_link.py         an Ableton Link session as a clock
    sync/clock_source.py         whose clock it is
    recording/format.py          the file of a session: it only grows
    recording/writer.py          frames on their way to the disk
    recording/recent.py          the last minutes
    recording/library.py         where sessions are, and which have to go
    recording/tracks.py          the player's track and the machine's
    recording/recorder.py        what a session is recorded to
    daemon/daemon.py             all of it, started in order, stopped in the mirror of it
    daemon/foreground.py         signals, terminal and settings file of whoever plays
    daemon/event_router.py       passes what was heard to the engine, and tells a new engine what the old one heard
    daemon/resend_buffer.py      what a new engine has to be told
    daemon/controls.py           the settings under the player's hands
    daemon/supervisor.py         starts the engine's process, ends its notes when it dies, starts the next
    daemon/ports.py              ports of several kinds, each of which comes and goes by itself
    daemon/monitor.py            the thread that counts, shows and records every event
    daemon/status_file.py        how the daemon stands, for livegen status
    daemon/health.py             sees that all is well, and that there is music where it is due
    daemon/schedule.py           opening hours, fades, and playing when nobody is there
    daemon/file_watch.py         a settings file or a model that changes
    daemon/systemd_notify.py     systemd's notification protocol

Both ends of the pipe between the two processes:

    ipc/messages.py              what they say to each other, as bytes
    ipc/engine_child.py          the engine's process, as its parent sees it
    ipc/engine_worker.py         the engine's process itself: hears, plans, hands over
    ipc/engine_calls.py          an engine, call by call
    ipc/plan_receiver.py         takes what the engine says to the player

The engine process. The engine does no input or output, and is told the time:

    model/bundle.py              a model, opened and held against its card
    model/card.py                what a model says about itself
    model/files.py               which file a model's name means
    model/loader.py              models that are loaded while another one plays
    model/validation.py          the checks that a model passes before it may play
    model/sandbox.py             ... in a process that is thrown away
    model/onnx_structure.py      what an ONNX file is made of
    model/stepper.py             one step of a network: state in, state out
    engine/engine.py             hear, plan, hand over: joined
    engine/composer.py           makes the part for each turn
    engine/turn_taking.py        turns, events and roles
    engine/part.py               what is planned, promised and ended
    engine/parts.py              an answer; a solo
    engine/accompaniment.py      voices that sound together with the player's
    engine/token_stream.py       a stream of tokens: the state, the cursor, the way ahead and back
    engine/checkpoint.py         where a stream has got to
    engine/best_of_n.py          several ways to go on, and the likeliest of them
    engine/sampler.py            one token out of logits
    engine/repetition.py         the way out of a loop
    engine/plan.py               what the engine hands over, and how far ahead

Music, and how it is written as tokens:

    music/key.py                 the key of a phrase
    music/phrase.py              the phrase on its grid
    music/phrase_capture.py      what was played since the last answer, and when the phrase is over
    music/tempo_detection.py     the tempo and the bar of a phrase
    music/tempo_map.py           ticks and nanoseconds
    music/transport.py           where a song stands, by a clock
    codecs/__init__.py           codecs by name
    codecs/codec.py              what every way of writing music as tokens offers
    codecs/vocabulary.py         one table, read in both directions; the pitches that each token begins
    codecs/pitch_range.py        what codecs of a range of pitches share
    codecs/prompt.py             what was heard, told token by token
    codecs/decoding.py           from tokens to whole notes
    codecs/chorale.py            chorales as frames of a sixteenth
    codecs/chorale_frames.py     the frames: written while they are heard, and what is given of one
    codecs/voice_leading.py      parallel fifths and octaves
    codecs/notes.py              pitches alone, in a borrowed rhythm
    codecs/note_duration.py      notes and chords with their durations
    codecs/chord_events.py       notes that begin and end together
    codecs/voices.py             four voices, sixteenth by sixteenth
    codecs/abc/codec.py          tunes as characters
    codecs/abc/reading.py        a tune, read character by character
    codecs/abc/writing.py        a melody, written as a tune
    codecs/abc/grammar.py        which characters may come next
    codecs/abc/fields.py         key, metre and unit length
    codecs/abc/transposing.py    a tune in another key

What all of them speak:

    events.py                    notes and controls, each with its moment
    clock.py                     monotonic nanoseconds, real or turned by hand
    routing.py                   channel and pitch on the way in and out
    realtime.py                  real-time priority, locked memory
    latency.py                   how late events left, as a histogram
    settings.py                  every setting once
    settings_file.py             where a player's settings are kept, and what learning writes there
    parameters.py                what a knob can set
    opening_hours.py             opening hours, as they are written
    file_version.py              tells a file from the one before it
    shipped.py                   the models that come with livegen
    errors.py                    the tree of errors
    terminal.py                  what the command line prints

On top:

    cli.py                       the command line
    files/midi_file.py           MIDI files in and out
    files/piano_roll.py          a picture of the music
    session/replay.py            a session played again: the same calls, the same bytes
    session/summary.py           a session in figures
    session/commands.py          the commands of livegen session
    tools/render.py              a conversation on a manual clock, from file to file
    tools/demo.py                a hymn, played at the daemon without hardware
    tools/harmonise_file.py      alto, tenor and bass to a melody, from file to file
    tools/doctor.py              what is there, and what is wrong
    tools/status_report.py       how a running livegen stands, in the words of a technician
    appliance/systemd_unit.py    the systemd unit of a box that plays for weeks
    appliance/support_bundle.py  what somebody far away has to know to help
    appliance/commands.py        the commands of livegen service
    bench/__init__.py            what counts as a measurement
    bench/commands.py            the commands of livegen bench
    bench/conditions.py          what a measurement was taken under
    bench/beside.py              a daemon to measure from outside
    bench/step.py                what a token costs
    bench/delivery.py            how late events leave
    bench/reaction.py            how soon a note is harmonised
    bench/clock.py               how well another's clock is followed, where the truth is known
    bench/clock_out.py           how even our own clock is where it arrives
    bench/phase.py               how near to the beat of a clock our notes are
    bench/idle.py                what it takes of a core while nobody plays
    bench/stamping.py            a process that stamps what arrives
    bench/waking.py              how late the system wakes a program: cyclictest
    bench/inferring.py           an engine that is always busy, to measure beside
"""
