"""livegen: play a phrase, and a neural network answers, in time, as MIDI.

This page is the map. The path of an event:

    keyboard → hear/ → (link) → imagine/ → (link) → play/ → synth, DAW

The port process owns the ports and the time; it never runs a network:

    midi_in/port.py              where notes come in, stamped at arrival; also a port in memory
    midi_in/input_filter.py      one input, made well-formed
    midi_in/parser.py            whole messages out of whatever bytes come in
    midi_in/loop_detector.py     when our own notes come back to us
    sync/midi_clock_in.py        another's MIDI clock: where its song stands
    sync/jack_stall.py           its pulses in whose time: the MIDI server's may stand still
    sync/pulse_tracker.py        pulses as they were meant: which were late, lost or doubled
    sync/pulse_regression.py     the line through them
    sync/ableton_link.py         an Ableton Link session as a song
    daemon/event_router.py       carries them to the engine, and tells a new engine what the old one heard
    daemon/resend_buffer.py      what there is to tell it
    daemon/controls.py           the settings under the player's hands
    sync/clock_source.py         whose clock it is
    midi_out/player.py           the thread that waits for each moment and sends
    midi_out/lane.py             the player's part for one output
    midi_out/sender.py           where messages leave, one at a time, written down
    sync/midi_clock_out.py       our own MIDI clock
    midi_out/limiter.py          how loud it may leave
    daemon/fade.py               from silence to sound and back
    midi_out/since.py            since when each note sounds, so that none does for ever
    midi_out/scheduler.py        what is still to be played
    midi_out/ledger.py           every note that sounds, in a file that outlives the process
    midi_out/offline.py          what would sound, without threads and ports
    latency.py                   how late events left
    realtime.py                  real-time priority, locked memory
    midi_out/port.py             where notes leave; also a port in memory
    routing.py                   channel and pitch on the way in and out
    midi_ports/names.py          which port is meant, and which is a keyboard
    midi_ports/jack.py           what rtmidi cannot ask of JACK
    daemon/daemon.py             all of it, started in order, stopped in the mirror of it
    daemon/foreground.py         signals, terminal and settings file of whoever plays
    daemon/file_watch.py         a settings file that changes
    daemon/health.py             sees that all is well, and tells the service manager
    daemon/schedule.py           opening hours, and who plays when nobody is there
    daemon/vigil.py              silence where music is due
    daemon/systemd_notify.py     systemd's notification protocol
    daemon/said.py               the last lines that were said
    daemon/status_file.py        how it stands, for livegen status
    daemon/ports.py              ports and MIDI systems that come and go
    daemon/supervisor.py         starts the engine's process, ends its notes when it dies, starts the next
    ipc/engine_child.py          one such process, as its parent sees it
    daemon/monitor.py            the thread for those who look on
    recording/recorder.py        what a session is recorded to

The link between the two processes, and the engine's own:

    ipc/messages.py              what they say to each other, as bytes
    ipc/engine_worker.py         the child: hears, imagines, hands over
    ipc/engine_calls.py          an engine, call by call

The engine does no input or output, and is told the time:

    engine/engine.py             hear, imagine, play: joined
    engine/composer.py           the part for each turn
    engine/plan.py               what the engine hands over
    engine/look_ahead.py         how far ahead it does, and plans
    music/phrase_capture.py      what was played since the last answer, and when the phrase is over
    music/tempo_detection.py     the beat that explains its onsets
    music/phrase.py              the phrase on its grid
    music/key.py                 its key
    music/register.py            where a pitch lies
    music/tempo_map.py           ticks and nanoseconds
    music/transport.py           where a song stands, by a clock
    engine/turn_taking.py        turns and happenings
    engine/role_respond.py       I stop, it answers; I play again, it yields
    engine/role_accompany.py     it plays while I play
    engine/role_harmonise.py     each note is answered at once
    engine/role_solo.py          it plays by itself
    engine/roles.py              roles by name
    engine/part.py               what is planned, promised and ended
    engine/answer.py             one answer: when it begins, how long it lasts
    engine/solo.py               piece after piece
    engine/accompaniment.py      voices that sound together with the player's
    engine/token_stream.py       a stream of tokens: the state, the cursor, the way ahead and back
    engine/best_of_n.py          a few ways to go on, and the likeliest of them
    engine/checkpoint.py         where a stream has got to
    engine/repetition.py         the way out of a loop
    engine/sampler.py            one token out of logits
    model/stepper.py             one step of a network: state in, state out
    model/files.py               which file a model's name means
    model/validation.py          what it goes through before it may play
    model/sandbox.py             in a process that is thrown away
    model/onnx_structure.py      what it is made of
    model/bundle.py              opened, and held against its card
    model/loader.py              models that are loaded while another one plays
    model/card.py                what a model says about itself
    codecs/codec.py              what every way of writing music as tokens offers
    codecs/decoding.py           from tokens to whole notes
    codecs/prompt.py             what was heard, token by token
    codecs/vocabulary.py         one table, read in both directions
    codecs/pitches.py            which pitches a token begins
    codecs/chorale.py            chorales as frames of a sixteenth
    codecs/chorale_cursor.py     where one has got to
    codecs/notes.py              pitches alone, in a borrowed rhythm
    codecs/note_duration.py      notes and chords with their durations
    codecs/chord_events.py       what begins and ends together
    codecs/voices.py             four voices, sixteenth by sixteenth
    codecs/abc/codec.py          tunes as characters
    codecs/abc/reading.py        a tune, read character by character
    codecs/abc/writing.py        a melody, written as a tune
    codecs/abc/grammar.py        which characters may come next
    codecs/abc/fields.py         key, metre and unit length
    codecs/abc/transposing.py    a tune in another key
    codecs/voice_leading.py      parallel fifths and octaves
    codecs/given.py              what is given of a frame
    codecs/chorale_frames.py     the frames, written while they are heard
    codecs/__init__.py           codecs by name

What all of them speak:

    events.py                    notes and controls, each with its moment
    clock.py                     monotonic nanoseconds, real or turned by hand
    engine/look_ahead.py         how far ahead music is planned and handed over
    file_version.py              what tells a file from the one before it
    settings.py                  every setting once
    settings_file.py             where a player's settings are kept, and what learning writes there
    opening_hours.py             opening hours, as they are written
    parameters.py                what a knob can set
    shipped.py                   the models that come with livegen
    errors.py                    the tree of errors

What was played:

    recording/format.py          the file: it only grows
    recording/writer.py          frames on their way to the disk
    recording/recent.py          the last minutes
    recording/library.py         where sessions are, and which have to go
    recording/tracks.py          the player's voice and the machine's
    session/summary.py           a session in figures
    session/replay.py            the same calls, the same bytes
    session/again.py             a file played again, as a MIDI file
    session/commands.py          the commands of livegen session

Around them:

    cli.py                       the command line
    terminal.py                  what it prints
    tools/render.py              a conversation on a manual clock, from file to file
    tools/demo.py                a hymn, played at the daemon without hardware
    tools/harmonise_file.py      alto, tenor and bass to a melody, from file to file
    files/midi_file.py           MIDI files in and out
    files/score.py               MIDI files in musical time
    files/piano_roll.py          a piano roll
    tools/doctor.py              what is there, and what is wrong
    tools/status_report.py       how it stands, in the words of a technician
    appliance/support_bundle.py  what somebody far away has to know to help
    appliance/commands.py        the commands of livegen service
    appliance/systemd_unit.py    the systemd unit of a box that plays for weeks
    bench/commands.py            the commands of livegen bench
    bench/idle.py                what it takes of a core while nobody plays
    bench/step.py                what a token costs
    bench/delivery.py            how late events leave
    bench/reaction.py            how soon a note is harmonised
    bench/phase.py               how near to the beat of a clock our notes are
    bench/beside.py              a daemon to measure from outside
    bench/clock.py               how well another's clock is followed, where the truth is known
    bench/clock_out.py           how even our own clock is where it arrives
    bench/stamping.py            a process where it arrives
    bench/waking.py              how late the system wakes a program: cyclictest
    bench/inferring.py           an engine that is always busy, to measure beside
    bench/conditions.py          what a measurement was taken under
    bench/__init__.py            what counts as a measurement
"""
