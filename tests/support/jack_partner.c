/* A native player and receiver on JACK: no garbage collector and no lock on JACK's thread, so it loses nothing itself.
 *
 *     jack_partner NAME        ports NAME:play and NAME:hear, and NAME:ear for sound
 *     stdin                    "send HEX", "connect FROM TO", "disconnect FROM TO"; the end of it ends the program
 *     stdout                   "sent NS HEX", "heard NS HEX" (NS of the monotonic clock, exact to the frame);
 *                              "loud NS" when sound begins after 50 ms below -40 dBFS;
 *                              "is N" after a connect or disconnect, JACK's answer; "lost N" at the end
 */
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/ringbuffer.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 32
#define LOUD 0.01f /* -40 dBFS */

enum { HEARD, SENT, BEGAN };
static const char *const WORDS[] = {"heard", "sent", "loud"};

typedef struct {
    unsigned char what, size, bytes[MOST];
    jack_nframes_t frame;
} Message;

static jack_client_t *client;
static jack_port_t *play, *hear, *ear;
static jack_nframes_t quiet, least_quiet;
static jack_ringbuffer_t *waiting, *seen;
static atomic_int lost, is_over;

static void see(Message *message) {
    if (jack_ringbuffer_write_space(seen) < sizeof *message || jack_ringbuffer_write(seen, (char *)message, sizeof *message) < sizeof *message)
        atomic_fetch_add(&lost, 1);
}

static int process(jack_nframes_t frames, void *unused) {
    (void)unused;
    jack_nframes_t begin = jack_last_frame_time(client);
    void *out = jack_port_get_buffer(play, frames), *in = jack_port_get_buffer(hear, frames);
    Message message;
    jack_midi_clear_buffer(out);
    while (jack_ringbuffer_peek(waiting, (char *)&message, sizeof message) == sizeof message) {
        if (jack_midi_event_write(out, 0, message.bytes, message.size))
            break; /* the period is full: the next one */
        jack_ringbuffer_read_advance(waiting, sizeof message);
        message.what = SENT, message.frame = begin;
        see(&message);
    }
    for (unsigned i = 0, count = jack_midi_get_event_count(in); i < count; i++) {
        jack_midi_event_t event;
        if (jack_midi_event_get(&event, in, i))
            continue;
        message = (Message){.size = event.size < MOST ? event.size : MOST, .frame = begin + event.time};
        memcpy(message.bytes, event.buffer, message.size);
        see(&message);
    }
    const float *sound = jack_port_get_buffer(ear, frames);
    for (jack_nframes_t i = 0; i < frames; i++) {
        if (sound[i] < LOUD && sound[i] > -LOUD) {
            quiet++;
            continue;
        }
        if (quiet >= least_quiet)
            see(&(Message){.what = BEGAN, .frame = begin + i});
        quiet = 0;
    }
    return 0;
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void *tell(void *unused) {
    Message message;
    for (int is_last = 0; !is_last;) {
        is_last = atomic_load(&is_over);
        while (jack_ringbuffer_read_space(seen) >= sizeof message) {
            jack_ringbuffer_read(seen, (char *)&message, sizeof message);
            long long ago_ns = ((long long)jack_get_time() - (long long)jack_frames_to_time(client, message.frame)) * 1000;
            printf("%s %lld ", WORDS[message.what], now_ns() - ago_ns);
            for (int i = 0; i < message.size; i++)
                printf("%02x", message.bytes[i]);
            putchar('\n');
        }
        fflush(stdout);
        usleep(500);
    }
    return unused;
}

int main(int argc, char **argv) {
    char line[1024], from[512], to[512];
    client = argc == 2 ? jack_client_open(argv[1], JackNoStartServer, NULL) : NULL;
    if (!client)
        return 1;
    waiting = jack_ringbuffer_create(1 << 22), seen = jack_ringbuffer_create(1 << 22);
    play = jack_port_register(client, "play", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    hear = jack_port_register(client, "hear", JACK_DEFAULT_MIDI_TYPE, JackPortIsInput, 0);
    ear = jack_port_register(client, "ear", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    least_quiet = jack_get_sample_rate(client) / 20;
    jack_set_process_callback(client, process, NULL);
    if (jack_activate(client))
        return 1;
    pthread_t teller;
    pthread_create(&teller, NULL, tell, NULL);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        unsigned byte;
        Message message = {0};
        int read = 0;
        if (sscanf(line, "connect %511s %511s", from, to) == 2)
            printf("is %d\n", jack_connect(client, from, to));
        else if (sscanf(line, "disconnect %511s %511s", from, to) == 2)
            printf("is %d\n", jack_disconnect(client, from, to));
        else
            for (char *at = line + 5; message.size < MOST && sscanf(at, "%2x%n", &byte, &read) == 1; at += read)
                message.bytes[message.size++] = byte;
        while (message.size && jack_ringbuffer_write_space(waiting) < sizeof message)
            usleep(500);
        if (message.size)
            jack_ringbuffer_write(waiting, (char *)&message, sizeof message);
        fflush(stdout);
    }
    while (jack_ringbuffer_read_space(waiting))
        usleep(500);
    usleep(50000);
    atomic_store(&is_over, 1);
    pthread_join(teller, NULL);
    printf("lost %d\n", atomic_load(&lost));
    fflush(stdout);
    jack_client_close(client);
    return 0;
}
