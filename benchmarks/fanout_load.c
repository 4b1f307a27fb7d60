/* Opens CLIENTS streams to 127.0.0.1:PORT PATH and measures how old each event is when it arrives.
 *
 * An event carries the sender's CLOCK_MONOTONIC in nanoseconds, written as @digits. Prints "ready"
 * when every stream has got its first bytes of body; a line on standard input then prints and
 * clears what was counted: {"events": n, "p50": ms, "p99": ms, "max": ms, "closed": n}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 1000000 /* of 10 microseconds: up to 10 s */
#define AT_ONCE 64

struct stream { int fd; int body; int blank; int in_number; uint64_t number; };

static uint32_t histogram[BUCKETS];
static uint64_t events, closed, slowest;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double percentile(double share) {
    uint64_t wanted = (uint64_t)(share * (double)events), seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) > wanted) return i / 100.0;
    return 0;
}

static void report(void) {
    printf("{\"events\": %lu, \"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f, \"closed\": %lu}\n", events,
           percentile(0.5), percentile(0.99), (double)slowest / 1e6, closed);
    fflush(stdout);
    memset(histogram, 0, sizeof histogram);
    events = slowest = 0;
}

static void take(struct stream *s, const char *bytes, ssize_t length, uint64_t at) {
    for (ssize_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (!s->body) { /* up to the empty line that ends the head, and one byte more */
            if (s->blank == 4) s->body = 1;
            else if (c == '\r' || c == '\n') s->blank++;
            else s->blank = 0;
        }
        if (s->in_number && c >= '0' && c <= '9') {
            s->number = s->number * 10 + (uint64_t)(c - '0');
        } else if (s->in_number) {
            uint64_t age = at > s->number ? at - s->number : 0, bucket = age / 10000;
            histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
            if (age > slowest) slowest = age;
            events++;
            s->in_number = 0;
        } else if (c == '@') {
            s->in_number = 1;
            s->number = 0;
        }
    }
}

static int open_stream(int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) { perror("connect"); exit(1); }
    char request[512];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                     "User-Agent: fanout\r\nAuthorization: Token 0123456789abcdef0123456789abcdef01234567\r\n\r\n", path);
    if (write(fd, request, (size_t)n) != n) { perror("write"); exit(1); }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), wanted = atoi(argv[3]), opened = 0, ready = 0, said = 0;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct stream *streams = calloc((size_t)wanted, sizeof *streams);
    static char buffer[1 << 18];
    int epoll = epoll_create1(0);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL}, found[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);
    for (;;) {
        while (opened < wanted && opened - ready < AT_ONCE) {
            struct stream *s = &streams[opened++];
            s->fd = open_stream(port, argv[2]);
            struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
            epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e);
        }
        if (ready == wanted && !said) { said = 1; puts("ready"); fflush(stdout); }
        int n = epoll_wait(epoll, found, 512, -1);
        for (int i = 0; i < n; i++) {
            struct stream *s = found[i].data.ptr;
            if (!s) {
                if (read(0, buffer, sizeof buffer) <= 0) return 0;
                report();
                continue;
            }
            ssize_t got = read(s->fd, buffer, sizeof buffer);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
                close(s->fd);
                closed++;
                continue;
            }
            int was = s->body;
            take(s, buffer, got, now());
            if (!was && s->body) ready++;
        }
    }
}
