-- Ardour without its window: a session with one armed MIDI track, and orders read from the standard input.
--
--     ardour7-lua ardour.lua CLIENT FOLDER TEMPO_BPM
--
-- An order a line, its words separated by tabs; to each the answer "> done", or "> failed" and why:
--
--     connect SOURCE TARGET   a cable between two JACK ports, as soon as both are there
--     roll                    record from the beginning of the session
--     until BEATS             wait until the transport is there
--     locate BEATS            go there, without rolling
--     play                    roll from where the transport is, without recording
--     stop                    stop, and save what was recorded
--
-- The client's ports: "CLIENT:MIDI Clock out" and "CLIENT:take/midi_in 1".

local client, folder, tempo_bpm = arg[1], arg[2], tonumber(arg[3])
local RATE, LOOK_S, PATIENCE_S = 48000, 0.01, 5
local USER = ARDOUR.TransportRequestSource.TRS_UI

local function say(line)
    io.stdout:write("> " .. line .. "\n")
    io.stdout:flush()
end

local function wait_for(look, what)
    local left = PATIENCE_S / LOOK_S
    while not look() do
        left = left - 1
        if left < 0 then error("waited for " .. what, 0) end
        sleep(LOOK_S)
    end
end

local function samples(beats)
    return math.floor(beats * 60 / tempo_bpm * RATE + 0.5)
end

local function open()
    assert(AudioEngine:set_backend("JACK", client, ""), "no JACK")
    local config = ARDOUR.config()
    config:set_send_midi_clock(true)
    -- Without cables to a sound device: Ardour moves what it records to the left by the latency of its outputs.
    config:set_output_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
    config:set_input_auto_connect(ARDOUR.AutoConnectOption.ManualConnect)
    assert(create_session(folder, "session", RATE), "no session")
    assert(AudioEngine:running(), "JACK has closed the client")
end

local function set_tempo()
    local map = Temporal.TempoMap.fetch_writable()
    map:set_tempo(Temporal.Tempo(tempo_bpm, tempo_bpm, 4), Temporal.timepos_t(0))
    Session:begin_reversible_command("tempo")
    Temporal.TempoMap.update(map)
    if not Session:abort_empty_reversible_command() then Session:commit_reversible_command(nil) end
end

local function add_track()
    local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
    local last, normal = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
    local tracks = Session:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, "take", last, normal, false)
    for track in tracks:iter() do
        track:rec_enable_control():set_value(1, PBD.GroupControlDisposition.NoGroup)
    end
end

local function locate(beats)
    if Session:transport_sample() == samples(beats) then return end
    Session:request_locate(samples(beats), false, ARDOUR.LocateTransportDisposition.MustStop, USER)
    wait_for(function() return Session:transport_sample() == samples(beats) end, "the locate")
end

local orders = {
    connect = function(source, target)
        local function is_connected() return AudioEngine:connect(source, target) == 0 end
        wait_for(is_connected, "the ports " .. source .. " and " .. target)
    end,
    roll = function()
        locate(0)
        Session:maybe_enable_record()
        Session:request_roll(USER)
        wait_for(function() return Session:actively_recording() end, "the recording")
    end,
    ["until"] = function(beats)
        while Session:transport_sample() < samples(tonumber(beats)) do
            assert(Session:transport_rolling(), "the transport has stopped")
            sleep(LOOK_S)
        end
    end,
    locate = function(beats) locate(tonumber(beats)) end,
    play = function()
        Session:disable_record(false, true)
        Session:request_roll(USER)
        wait_for(function() return Session:transport_rolling() end, "the transport")
    end,
    stop = function()
        Session:request_stop(false, false, USER)
        wait_for(function() return not Session:transport_rolling() end, "the transport to stop")
        sleep(0.5) -- the take becomes a region in another thread
        Session:save_state("")
    end,
}

local function obey(line)
    local words = {}
    for word in line:gmatch("[^\t]+") do words[#words + 1] = word end
    local is_done, why = pcall(orders[words[1]], table.unpack(words, 2))
    say(is_done and "done" or "failed " .. tostring(why))
end

local is_open, why = pcall(function() open() set_tempo() add_track() end)
say(is_open and "done" or "failed " .. tostring(why))
if is_open then
    for line in io.lines() do obey(line) end
end
