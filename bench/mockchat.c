/* mockchat: one-thread epoll mock of a chatbot service, for measuring load generators.
 * Truth is server-paced: every SSE event carries "ts" (CLOCK_MONOTONIC ns at send) and the
 * server keeps histograms of its own TTFT (request parsed -> first token sent) and gaps.
 *
 *   cc -O2 -o mockchat mockchat.c && taskset -c 0 ./mockchat 18080
 *
 * Listens on loopback, on the port given (0: a free one), and prints which.
 *   POST /v1/chat/completions   {"stream":true} -> SSE (chunked): first token after 50 ms, then 63 more 10 ms apart;
 *                               else ~300 bytes of JSON at once
 *   GET  /v1/models, /health    for tools that probe
 *   GET  /stats, /reset         counters (requests per 100 ms, TTFT, gaps, server CPU)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TTFT_NS 50000000LL
#define GAP_NS 10000000LL
#define TOKENS 64

typedef struct conn {
    int fd, listener, closing, want_out;
    char *in; int in_len, in_cap;
    char *out; int out_len, out_cap;
    int streaming, tok, hpos, close_after;
    int64_t t0, due, last;
} conn;

#define NB 600
#define HMAX 2000000 /* us */
static uint64_t n_req, n_stream, n_tok, n_conn, b_req[NB], b_tok[NB];
static uint32_t *h_ttft, *h_gap, *h_late;
static int64_t t_first, t_last;
static int ep;

static int64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static void rec(uint32_t *h, int64_t ns) { int64_t u = ns / 1000; if (u < 0) u = 0; if (u >= HMAX) u = HMAX - 1; h[u]++; }
static void count(uint64_t *b, int64_t t) {
    if (!t_first) t_first = t;
    t_last = t;
    int64_t i = (t - t_first) / 100000000; if (i < NB) b[i]++;
}

/* ---- min-heap of streams by due time ---- */
static conn **heap; static int hn, hcap;
static void hset(int i, conn *c) { heap[i] = c; c->hpos = i; }
static void up(int i) { conn *c = heap[i]; while (i > 0 && heap[(i - 1) / 2]->due > c->due) { hset(i, heap[(i - 1) / 2]); i = (i - 1) / 2; } hset(i, c); }
static void down(int i) {
    conn *c = heap[i];
    for (;;) { int k = 2 * i + 1; if (k >= hn) break; if (k + 1 < hn && heap[k + 1]->due < heap[k]->due) k++; if (heap[k]->due >= c->due) break; hset(i, heap[k]); i = k; }
    hset(i, c);
}
static void hpush(conn *c) { if (hn == hcap) heap = realloc(heap, sizeof *heap * (hcap = hcap ? hcap * 2 : 1024)); heap[hn] = c; up(hn++); }
static void hdel(conn *c) {
    int i = c->hpos; if (i < 0) return;
    c->hpos = -1; conn *l = heap[--hn];
    if (l != c) { hset(i, l); up(i); down(l->hpos); }
}

static void drop(conn *c) { hdel(c); close(c->fd); free(c->in); free(c->out); c->in = c->out = 0; c->fd = -1; c->closing = 1; }
static conn *graveyard[65536]; static int ng;
static void kill_conn(conn *c) { if (c->closing) return; drop(c); if (ng < 65536) graveyard[ng++] = c; }

static void mod(conn *c, int out) {
    if (c->want_out == out) return;
    c->want_out = out;
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void put(conn *c, const char *p, int n) {
    if (c->closing) return;
    if (!c->out_len) {
        int r = send(c->fd, p, n, MSG_NOSIGNAL);
        if (r < 0) { if (errno != EAGAIN) { kill_conn(c); return; } r = 0; }
        if (r == n) return;
        p += r; n -= r;
    }
    if (c->out_len + n > c->out_cap) c->out = realloc(c->out, c->out_cap = (c->out_len + n) * 2);
    memcpy(c->out + c->out_len, p, n); c->out_len += n;
    mod(c, 1);
}

/* ---- replies ---- */
static char json_reply[1024]; static int json_reply_n;
static const char *words[8] = {" alpha", " bravo", " charlie", " delta", " echo", " foxtrot", " golf", " hotel"};
static int sse(char *o, const char *data, int n) { return sprintf(o, "%x\r\ndata: %.*s\n\n\r\n", n + 8, n, data); }
static int token(char *o, int k, int64_t ts) {
    char d[512];
    int n = sprintf(d, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"ts\":%lld,"
        "\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":null}]}",
        (long long)ts, k ? "" : "\"role\":\"assistant\",", words[k & 7]);
    return sse(o, d, n);
}
static int ending(char *o, int toks) {
    char d[512]; int n, m;
    n = sprintf(d, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\","
        "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}");
    m = sse(o, d, n);
    n = sprintf(d, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[],"
        "\"usage\":{\"prompt_tokens\":64,\"completion_tokens\":%d,\"total_tokens\":%d}}", toks, 64 + toks);
    m += sse(o + m, d, n);
    m += sprintf(o + m, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    return m;
}
static void feed(conn *c);
static void fire(conn *c, int64_t t) { /* send what is due; t is the time now */
    static char buf[65536]; int n = 0;
    if (c->tok == 0) rec(h_ttft, t - c->t0); else rec(h_gap, t - c->last);
    rec(h_late, t - c->due);
    c->last = t; n_tok++; count(b_tok, t);
    n += token(buf + n, c->tok++, t);
    c->due = c->t0 + TTFT_NS + c->tok * GAP_NS;
    int end = c->tok >= TOKENS;
    if (end) { n += ending(buf + n, TOKENS); c->streaming = 0; hdel(c); }
    else { hdel(c); hpush(c); }
    put(c, buf, n);
    if (end && !c->closing) { if (c->close_after) kill_conn(c); else feed(c); }
}

static int64_t pct(uint32_t *h, double q) { uint64_t s = 0, a = 0; for (int i = 0; i < HMAX; i++) s += h[i]; if (!s) return -1; uint64_t w = s * q; for (int i = 0; i < HMAX; i++) { a += h[i]; if (a > w) return i; } return HMAX; }
static void hj(FILE *f, const char *k, uint32_t *h) { fprintf(f, "\"%s\":{\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld},", k, (long long)pct(h, .5), (long long)pct(h, .9), (long long)pct(h, .99), (long long)pct(h, .999)); }
static void stats(conn *c) {
    char *s; size_t n; FILE *f = open_memstream(&s, &n);
    struct rusage u; getrusage(RUSAGE_SELF, &u);
    fprintf(f, "{\"requests\":%llu,\"streams\":%llu,\"tokens\":%llu,\"connections\":%llu,\"t_first\":%lld,\"t_last\":%lld,\"span_s\":%.4f,\"cpu_s\":%.4f,",
        (unsigned long long)n_req, (unsigned long long)n_stream, (unsigned long long)n_tok, (unsigned long long)n_conn,
        (long long)t_first, (long long)t_last, (t_last - t_first) / 1e9, u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
    hj(f, "ttft_us", h_ttft); hj(f, "gap_us", h_gap); hj(f, "late_us", h_late);
    int nb = (t_last - t_first) / 100000000 + 1; if (nb > NB) nb = NB;
    fprintf(f, "\"req_per_100ms\":["); for (int i = 0; i < nb; i++) fprintf(f, "%s%llu", i ? "," : "", (unsigned long long)b_req[i]);
    fprintf(f, "],\"tok_per_100ms\":["); for (int i = 0; i < nb; i++) fprintf(f, "%s%llu", i ? "," : "", (unsigned long long)b_tok[i]);
    fprintf(f, "]}"); fclose(f);
    char h[256]; int m = sprintf(h, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", n);
    put(c, h, m); put(c, s, n); free(s);
}
static void reset(void) {
    n_req = n_stream = n_tok = n_conn = 0; t_first = t_last = 0;
    memset(b_req, 0, sizeof b_req); memset(b_tok, 0, sizeof b_tok);
    memset(h_ttft, 0, 4 * HMAX); memset(h_gap, 0, 4 * HMAX); memset(h_late, 0, 4 * HMAX);
}
static void text(conn *c, const char *type, const char *s) { char b[1024]; int n = sprintf(b, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type, strlen(s), s); put(c, b, n); }

/* ---- requests ---- */
static void feed(conn *c) {
    int used = 0;
    while (!c->closing && !c->streaming && used < c->in_len) {
        char *p = c->in + used; int n = c->in_len - used;
        char *e = memmem(p, n, "\r\n\r\n", 4); if (!e) break;
        int hl = e - p + 4, body = 0; e[2] = 0; /* headers are now a C string */
        char *q = strcasestr(p, "\ncontent-length:");
        if (q) body = atoi(q + 16);
        else if (strcasestr(p, "\ntransfer-encoding: chunked")) {
            char *z = memmem(e + 4, n - hl, "0\r\n\r\n", 5); if (!z) { e[2] = '\r'; break; } body = z + 5 - (e + 4);
        }
        if (n < hl + body) { e[2] = '\r'; break; }
        q = strcasestr(p, "\nconnection:"); c->close_after = q && strncasecmp(q + 12 + (q[12] == ' '), "close", 5) == 0;
        used += hl + body;
        if (!strncmp(p, "POST", 4)) {
            int64_t t = now(); n_req++; count(b_req, t);
            char *b = p + hl, *s = memmem(b, body, "\"stream\":", 9);
            if (s && (s[9] == 't' || (s[9] == ' ' && s[10] == 't'))) {
                n_stream++; c->streaming = 1; c->tok = 0; c->t0 = t; c->due = t + TTFT_NS;
                static const char h[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
                put(c, h, sizeof h - 1); if (!c->closing) hpush(c);
            } else put(c, json_reply, json_reply_n);
        } else if (!strncmp(p, "GET /stats", 10)) stats(c);
        else if (!strncmp(p, "GET /reset", 10)) { reset(); text(c, "text/plain", "ok"); }
        else if (strstr(p, "/v1/models")) text(c, "application/json", "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}]}");
        else text(c, "text/plain", "ok");
        if (c->close_after && !c->streaming) kill_conn(c);
    }
    if (c->closing) return;
    if (used) { memmove(c->in, c->in + used, c->in_len - used); c->in_len -= used; }
}

static int listen_on(int port) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(s, (void *)&a, sizeof a) || listen(s, 8192)) { perror("bind"); exit(1); }
    return s;
}

int main(int argc, char **argv) {
    int port = argc > 1 ? atoi(argv[1]) : 18080;
    signal(SIGPIPE, SIG_IGN); prctl(PR_SET_TIMERSLACK, 1000UL);
    struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    h_ttft = calloc(HMAX, 4); h_gap = calloc(HMAX, 4); h_late = calloc(HMAX, 4);
    const char *b = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Thank you, I have noted that and will help you with it right away.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":64,\"completion_tokens\":16,\"total_tokens\":80}}";
    json_reply_n = sprintf(json_reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(b), b);
    ep = epoll_create1(0);
    conn *door = calloc(1, sizeof *door); door->fd = listen_on(port); door->listener = 1;
    struct epoll_event first = {.events = EPOLLIN, .data.ptr = door}; epoll_ctl(ep, EPOLL_CTL_ADD, door->fd, &first);
    struct sockaddr_in at; socklen_t size = sizeof at; getsockname(door->fd, (void *)&at, &size);
    printf("listening on %d\n", ntohs(at.sin_port)); fflush(stdout);
    static struct epoll_event ev[512];
    int64_t awake = 0;
    for (;;) {
        /* Stay awake for 2 ms after the last event: waking a core that sleeps costs whoever writes to it (an interrupt to the
         * other core), which is the price of this set-up and not a client's own work. */
        struct timespec ts = {0, 0}, *tp = &ts;
        if (now() - awake > 2000000) {
            if (hn) { int64_t d = heap[0]->due - now(); if (d < 0) d = 0; ts.tv_sec = d / 1000000000; ts.tv_nsec = d % 1000000000; }
            else tp = 0;
        }
        int n = epoll_pwait2(ep, ev, 512, tp, 0);
        if (n > 0) awake = now();
        for (int i = 0; i < n; i++) {
            conn *c = ev[i].data.ptr;
            if (c->listener) {
                int fd, one = 1;
                while ((fd = accept4(c->fd, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    conn *k = calloc(1, sizeof *k); k->fd = fd; k->hpos = -1; k->in = malloc(k->in_cap = 8192); n_conn++;
                    struct epoll_event e = {.events = EPOLLIN, .data.ptr = k}; epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            if (c->closing) continue;
            if (ev[i].events & EPOLLOUT && c->out_len) {
                int r = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
                if (r > 0) { memmove(c->out, c->out + r, c->out_len - r); c->out_len -= r; }
                if (!c->out_len) mod(c, 0);
            }
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                if (c->in_cap - c->in_len < 4097) c->in = realloc(c->in, c->in_cap *= 2);
                int r = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len - 1, 0);
                if (r <= 0) { if (r == 0 || errno != EAGAIN) kill_conn(c); continue; }
                c->in_len += r; c->in[c->in_len] = 0; feed(c);
            }
        }
        int64_t t = now();
        for (int k = 0; k < 1024 && hn && heap[0]->due <= t; k++) { fire(heap[0], t); t = now(); }
        while (ng) free(graveyard[--ng]);
    }
}
