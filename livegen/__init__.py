"""livegen: play a phrase, and a neural network answers, in time, as MIDI.

This page is the map. The path of an event:

    keyboard → hear/ → (link) → imagine/ → (link) → play/ → synth, DAW

The port process owns the ports and the time; it never runs a network:

    hear/port.py             where notes come in, stamped at arrival; also a port in memory
    hear/keyboard.py         one input, made well-formed
    hear/reading.py          whole messages out of whatever bytes come in
    hear/feedback.py         when our own notes come back to us
    hear/clock_follower.py   another's MIDI clock: where its song stands
    hear/served_train.py     its pulses in whose time: the MIDI server's may stand still
    hear/pulse_train.py      pulses as they were meant: which were late, lost or doubled
    hear/pulse_line.py       the line through them
    hear/link_clock.py       an Ableton Link session as a song
    serve/courier.py         carries them to the engine, and tells a new engine what the old one heard
    serve/conversation.py    what there is to tell it
    serve/controls.py        the settings under the player's hands
    serve/timekeeper.py      whose clock it is
    play/player.py           the thread that waits for each moment and sends
    play/lane.py             the player's part for one output
    play/wire.py             where messages leave, one at a time, written down
    play/clock_out.py        our own MIDI clock
    play/caps.py             how loud it may leave
    play/fade.py             from silence to sound and back
    play/since.py            since when each note sounds, so that none does for ever
    play/scheduler.py        what is still to be played
    play/ledger.py           every note that sounds, in a file that outlives the process
    play/rendition.py        what would sound, without threads and ports
    play/lateness.py         how late events left
    play/priority.py         real-time priority, locked memory
    play/port.py             where notes leave; also a port in memory
    routing.py               channel and pitch on the way in and out
    port_names.py            which port is meant, and which is a keyboard
    jack.py                  what rtmidi cannot ask of JACK
    serve/daemon.py          all of it, started in order, stopped in the mirror of it
    serve/sitting.py         signals, terminal and settings file of whoever plays
    serve/file_watch.py      a settings file that changes
    serve/caretaker.py       sees that all is well, and tells the service manager
    serve/attendant.py       opening hours, and who plays when nobody is there
    serve/vigil.py           silence where music is due
    serve/notify.py          systemd's notification protocol
    serve/said.py            the last lines that were said
    serve/standing.py        how it stands, for livegen status
    serve/wiring.py          ports and MIDI systems that come and go
    serve/supervisor.py      starts the engine's process, ends its notes when it dies, starts the next
    serve/engine_child.py    one such process, as its parent sees it
    serve/onlookers.py       the thread for those who look on
    serve/recorder.py        what a session is recorded to

The link between the two processes, and the engine's own:

    serve/link.py            what they say to each other, as bytes
    serve/engine_process.py  the child: hears, imagines, hands over
    serve/performer.py       an engine, call by call

The engine does no input or output, and is told the time:

    engine.py                hear, imagine, play: joined
    composer.py              the part for each turn
    plan.py                  what the engine hands over
    look_ahead.py            how far ahead it does, and plans
    hear/memory.py           what was played since the last answer, and when the phrase is over
    hear/tempo.py            the beat that explains its onsets
    music/phrase.py          the phrase on its grid
    music/key.py             its key
    music/register.py        where a pitch lies
    music/meter.py           ticks and nanoseconds
    music/song.py            where a song stands, by a clock
    roles/turns.py           turns and happenings
    roles/respond.py         I stop, it answers; I play again, it yields
    roles/accompany.py       it plays while I play
    roles/harmonise.py       each note is answered at once
    roles/solo.py            it plays by itself
    roles/__init__.py        roles by name
    imagine/part.py          what is planned, promised and ended
    imagine/answer.py        one answer: when it begins, how long it lasts
    imagine/solo.py          piece after piece
    imagine/ensemble.py      voices that sound together with the player's
    imagine/continuation.py  a stream of tokens: the state, the cursor, the way ahead and back
    imagine/futures.py       a few ways to go on, and the likeliest of them
    imagine/place.py         where a stream has got to
    imagine/guard.py         the way out of a loop
    imagine/sampler.py       one token out of logits
    imagine/stepper.py       one step of a network: state in, state out
    imagine/model_file.py    which file a model's name means
    imagine/gate.py          what it goes through before it may play
    imagine/trial.py         in a process that is thrown away
    imagine/structure.py     what it is made of
    imagine/bundle.py        opened, and held against its card
    imagine/loader.py        models that are loaded while another one plays
    imagine/card.py          what a model says about itself
    codecs/codec.py          what every way of writing music as tokens offers
    codecs/decoding.py       from tokens to whole notes
    codecs/telling.py        what was heard, token by token
    codecs/vocabulary.py     one table, read in both directions
    codecs/pitches.py        which pitches a token begins
    codecs/chorale.py        chorales as frames of a sixteenth
    codecs/chorale_cursor.py  where one has got to
    codecs/notes.py          pitches alone, in a borrowed rhythm
    codecs/note_duration.py  notes and chords with their durations
    codecs/sounds.py         what begins and ends together
    codecs/voices.py         four voices, sixteenth by sixteenth
    codecs/abc.py            tunes as characters
    codecs/abc_reading.py    a tune, read character by character
    codecs/abc_writing.py    a melody, written as a tune
    codecs/abc_grammar.py    which characters may come next
    codecs/abc_fields.py     key, metre and unit length
    codecs/abc_transposing.py  a tune in another key
    codecs/voice_leading.py  parallel fifths and octaves
    codecs/given.py          what is given of a frame
    codecs/frames.py         the frames, written while they are heard
    codecs/__init__.py       codecs by name

What all of them speak:

    events.py                notes and controls, each with its moment
    clock.py                 monotonic nanoseconds, real or turned by hand
    look_ahead.py            how far ahead music is planned and handed over
    file_stamp.py            what tells a file from the one before it
    settings.py              every setting once
    settings_file.py         where a player's settings are kept, and what learning writes there
    opening_hours.py         opening hours, as they are written
    parameters.py            what a knob can set
    shipped.py               the models that come with livegen
    errors.py                the tree of errors

What was played:

    session/session_file.py  the file: it only grows
    session/tape.py          frames on their way to the disk
    session/ring.py          the last minutes
    session/library.py       where sessions are, and which have to go
    session/voices.py        the player's voice and the machine's
    session/summary.py       a session in figures
    session/replay.py        the same calls, the same bytes
    session/again.py         a file played again, as a MIDI file
    session/commands.py      the commands of livegen session

Around them:

    cli.py                   the command line
    terminal.py              what it prints
    render.py                a conversation on a manual clock, from file to file
    demo.py                  a hymn, played at the daemon without hardware
    harmonise.py             alto, tenor and bass to a melody, from file to file
    midi_file.py             MIDI files in and out
    score.py                 MIDI files in musical time
    picture.py               a piano roll
    doctor.py                what is there, and what is wrong
    appliance/report.py      how it stands, in the words of a technician
    appliance/support.py     what somebody far away has to know to help
    appliance/commands.py    the commands of livegen service
    appliance/unit.py        the systemd unit of a box that plays for weeks
    bench/commands.py        the commands of livegen bench
    bench/idle.py            what it takes of a core while nobody plays
    bench/step.py            what a token costs
    bench/delivery.py        how late events leave
    bench/reaction.py        how soon a note is harmonised
    bench/phase.py           how near to the beat of a clock our notes are
    bench/beside.py          a daemon to measure from outside
    bench/clock.py           how well another's clock is followed, where the truth is known
    bench/clock_out.py       how even our own clock is where it arrives
    bench/stamping.py        a process where it arrives
    bench/waking.py          how late the system wakes a program: cyclictest
    bench/inferring.py       an engine that is always busy, to measure beside
    bench/conditions.py      what a measurement was taken under
    bench/__init__.py        what counts as a measurement
"""
