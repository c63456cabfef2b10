"""livegen: play a phrase, and a neural network answers, in time, as MIDI.

This page is the map. The path of an event:

    keyboard → midi_in/ → ipc/ → engine/, model/ → ipc/ → midi_out/ → synth, DAW

A folder runs in one process. The port process owns the ports and the time; it never runs a network:

    midi_ports/names.py          finds the port that a name means; tells keyboards from software
    midi_ports/client.py         what a client of a MIDI system offers
    midi_ports/rtmidi_client.py  ... by rtmidi, for all systems
    midi_ports/alsa_midi_client.py  ... by alsa-midi, for ALSA
    midi_ports/jack_midi_client.py  ... by JACK's own library
    midi_ports/systems.py        chooses among them, and finds the MIDI system that answers
    midi_ports/nearby.py         MIDI systems that livegen does not reach, and what would let it
    midi_ports/hot_plug.py       connects ports as they are plugged in
    midi_ports/libjack.py        JACK's library
    midi_ports/connections.py    who is connected to whom, where the MIDI system tells
    midi_ports/alsa.py           ... on ALSA
    midi_ports/jack.py           ... on JACK, and what else a MIDI client does not offer there
    midi_in/port.py              the input, with a timestamp at arrival; also a port in memory
    midi_in/poller.py            the thread that takes what the inputs have queued
    midi_in/arrival.py           when messages arrived, rebuilt from the times between them
    midi_in/parser.py            parses received bytes into whole messages
    midi_in/input_filter.py      makes one input well-formed: each note-on has one note-off
    midi_in/loop_detector.py     detects our own notes coming back to us
    midi_out/port.py             the output; also a port in memory
    midi_out/sender.py           sends messages one at a time, after recording each note in the ledger
    midi_out/control_loop.py     tells a controller that has come back to us from one that a player repeats
    midi_out/limiter.py          how loud and how long notes may be
    midi_out/sounding.py         what sounds at one output
    midi_out/receivers.py        what each receiver was sent and is owed, in files that outlive the process
    midi_out/ledger.py           every note that sounds, in a file that outlives the process
    midi_out/scheduler.py        the events that are still to be played
    midi_out/player.py           the thread that waits for each event's moment and sends the event
    midi_out/offline.py          plays without threads and ports
    sync/clock_message.py        a message of an external MIDI clock
    sync/midi_clock_in.py        follows an external MIDI clock
    sync/pulse_tracker.py        tracks clock pulses: which were late, lost or doubled
    sync/pulse_regression.py     fits a line through their arrivals
    sync/jack_stall.py           tracks pulses through JACK, which may stall
    sync/midi_clock_out.py       the internal MIDI clock
    sync/ableton_link.py         an Ableton Link session as a clock
    sync/clock_source.py         selects the clock: internal, MIDI or Ableton Link
    sound/soundfont.py           finds FluidSynth and a soundfont
    sound/fluidsynth.py          FluidSynth as a child process
    sound/sound_file.py          renders a MIDI file as sound
    sound/synth.py               the output that plays through it, and starts it again
    recording/format.py          the session file, to which data is only appended
    recording/opening.py         which livegen made a session
    recording/writer.py          writes frames to a sequence of files
    recording/recent.py          the ring buffer on disk: the last minutes
    recording/library.py         the sessions on disk: folder, names, which are deleted
    recording/tracks.py          the player's track and the machine's
    recording/recorder.py        records a session to the ring and to a file
    daemon/daemon.py             starts all parts in order, and stops them in reverse order
    daemon/foreground.py         signals, terminal and settings file of the player
    daemon/event_router.py       passes received events to the engine, and resends them to a new engine
    daemon/resend_buffer.py      the events to resend to a new engine
    daemon/controls.py           changes settings while playing: knobs, programs, the settings file
    daemon/supervisor.py         starts the engine's process, ends its notes when it dies, starts the next
    daemon/engine_silence.py     for how long an engine has been silent although it could have spoken
    daemon/spare.py              a second engine, loaded, that waits until it takes over
    daemon/model_supply.py       holds the models, and gives them to the engine
    daemon/ports.py              ports of several kinds, each attached and detached by itself
    daemon/readiness.py          says when somebody can play and be heard, else what is missing
    daemon/now_playing.py        what happens now: turn, tempo, beat, key, chord
    daemon/sound_backend.py      our own synthesizer among the ports
    daemon/monitor.py            the thread that counts, shows and records every event
    daemon/status_file.py        the daemon's status, for livegen status
    daemon/health.py             checks the daemon, and replaces an engine that is silent though music is due
    daemon/schedule.py           opening hours, fades, and solos while nobody plays
    daemon/file_watch.py         watches the settings file and the model for changes
    daemon/folder_watch.py       makes the runtime folder anew when it was removed
    daemon/systemd_notify.py     systemd's notification protocol

Both ends of the pipe between the two processes:

    ipc/messages.py              their messages, as bytes
    ipc/given_model.py           a model's file, in parts
    ipc/engine_child.py          the engine's process, seen from the port process
    ipc/engine_worker.py         the engine's process itself: hears, plans, hands over
    ipc/pulse.py                 the engine's heartbeat, which says when its loop last came round
    ipc/process_times.py         what the system has given the threads of a process
    ipc/engine_calls.py          the calls of an engine
    ipc/plan_receiver.py         passes the engine's plans to the player
    ipc/marks.py                 the tempo, metre and key that the engines of a session have told

The engine process. The engine does no input or output, and is told the time:

    model/__init__.py            no telemetry
    model/bundle.py              a model, opened and held against its card
    model/card.py                what a model says about itself
    model/files.py               which file a model's name means
    model/loader.py              loads the models that the engine is given
    model/checksum.py            the checksum in a model file
    model/weights.py             ... of its weights
    model/protobuf.py            reads protocol buffers
    model/validation.py          the checks that a model passes before it may play
    model/sandbox.py             ... in a process that is thrown away
    model/onnx_structure.py      what an ONNX file is made of
    model/stepper.py             one step of a network: state in, state out
    engine/engine.py             hear, plan, hand over: joined
    engine/composer.py           makes the part for each turn
    engine/turn_taking.py        turns, events and roles
    engine/part.py               what is planned, promised and ended
    engine/parts.py              an answer; a solo
    engine/phrasing.py           the loudness and the pedal of models that write neither
    engine/endings.py            how an answer ends: the best of several futures
    engine/finale.py             looks for an end, then writes it
    engine/form.py               the form of a solo: which bars come back, which sections close
    engine/accompaniment.py      voices that sound together with the player's
    engine/duet.py               what is played with the player in real time
    engine/token_stream.py       a stream of tokens: the state, the cursor, the way ahead and back
    engine/checkpoint.py         where a stream has got to
    engine/best_of_n.py          several ways to go on, and the likeliest of them
    engine/sampler.py            one token out of logits
    engine/session_cache.py      what both have played in this session, and what followed
    engine/repetition.py         the way out of a loop
    engine/plan.py               what the engine hands over, and how far ahead
    engine/mark_log.py           which tempo, metre and key have been told

Music, and how it is written as tokens:

    music/hands.py               which keys are the left hand's
    music/key.py                 the key of a phrase
    music/cadence.py             how a line of music ends
    music/skyline.py             the melody of music in several voices, and its motifs
    music/chord_names.py         names the chord that sounds
    music/phrase.py              the phrase on its grid
    music/phrase_capture.py      what was played since the last answer, and when the phrase is over
    music/taps.py                notes of no length
    music/beat_tracker.py        the beat of music while somebody plays it
    music/metre_detection.py     the tempo, the bars and the swing of a phrase
    music/metre_profiles.py      ... from what music in each metre is like
    music/phrasing.py            how loud people play a note, and when they move the pedal
    music/note_features.py       ... from what can be heard of notes as they begin
    music/pedalling.py           ... and from what the pedal holds
    music/tempo_map.py           ticks and nanoseconds
    music/metre.py               bars; and tempo, bars and key from a moment on
    music/transport.py           the song position of a clock
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
    codecs/performance.py        keys, loudness, pedal and waits, one event a token
    codecs/performance_grammar.py  ... which may come next, on a grid of 10 ms
    codecs/performance_writing.py  ... written event by event, as hands and a foot move
    codecs/abc/codec.py          tunes as characters
    codecs/abc/reading.py        a tune, read character by character
    codecs/abc/writing.py        a melody, written as a tune
    codecs/abc/grammar.py        which characters may come next
    codecs/abc/fields.py         key, metre and unit length
    codecs/abc/transposing.py    a tune in another key

What all folders use:

    events.py                    notes and controls, each with its moment
    clock.py                     monotonic nanoseconds, real or set by hand
    routing.py                   channel and pitch on the way in and out
    realtime.py                  real-time priority, locked memory
    confinement.py               what the engine's process gives up: files, the network, other programs
    own_process.py               the command that runs a module in a process of its own
    latency.py                   how late events were sent, as a histogram
    settings.py                  every setting once
    settings_file.py             the player's settings file, and the learnt controllers in it
    wrong_value.py               what would be right in place of a value that is refused
    parameters.py                what a knob can set
    opening_hours.py             opening hours, as they are written
    key_names.py                 keys by their names, in English and other languages
    private_folder.py            makes a folder that nobody else may read
    installed.py                 how livegen was installed, is removed, and gets another library
    version.py                   the version that runs, and the one that is installed
    log_line.py                  a line of the log, by its kind
    printable.py                 makes unprintable characters visible
    regular_file.py              reads regular files only, without waiting
    file_version.py              tells a file from an earlier one of the same name
    shipped.py                   the models that come with livegen
    errors.py                    the tree of errors
    terminal.py                  what the command line prints
    terminal_log.py              ... from many threads, with a line below it that is drawn again
    usage.py                     commands and options that do not exist

On top:

    cli.py                       the command line
    files/midi_file.py           MIDI files in and out
    files/midi_tracks.py         the tracks of a MIDI file, as far as they can be read
    files/bar_map.py             tempos and time signatures that put bar lines where they were heard
    files/note_pairing.py        which note-off ends which note
    files/target.py              files to write: checked before the work, whole or not at all
    files/piano_roll.py          a picture of the music
    files/roll_content.py        ... what it shows: notes, pedals, bars, keys
    session/replay.py            replays a session: the same calls, the same bytes
    session/summary.py           a session in figures
    session/commands.py          the commands of livegen session
    tools/config_file.py         a settings file to begin with
    tools/render.py              a conversation on a manual clock, from file to file
    tools/demo.py                a hymn, played at the daemon without hardware
    tools/harmonise_file.py      alto, tenor and bass to a melody, from file to file
    tools/doctor.py              what is there, and what is wrong
    tools/status_report.py       the status of a running livegen, as text for a technician
    appliance/systemd_unit.py    the systemd unit of a box that plays for weeks
    appliance/uninstall.py       what livegen has left on a computer, and its removal
    appliance/support_bundle.py  what somebody far away has to know to help
    appliance/commands.py        the commands of livegen service
    bench/__init__.py            what counts as a measurement
    bench/commands.py            the commands of livegen bench
    bench/conditions.py          what a measurement was taken under
    bench/beside.py              a daemon to measure from outside
    bench/step.py                what a token costs
    bench/delivery.py            how late events leave
    bench/reaction.py            how soon a note is harmonised
    bench/clock.py               how well an external clock is followed, compared with the true one
    bench/clock_out.py           how even the internal clock is where it arrives
    bench/phase.py               how near to the beat of a clock our notes are
    bench/idle.py                what it takes of a core while nobody plays
    bench/stamping.py            a process that stamps what arrives
    bench/waking.py              how late the system wakes a program: cyclictest
    bench/inferring.py           an engine that is always busy, to measure beside
"""
