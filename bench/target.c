/* A small, fast HTTP/1.1 target for the benchmarks: one thread, epoll, keep-alive, bounded buffers.
 *
 *   target [PORT]      listens on 127.0.0.1:PORT (0, the default: any free port) and prints "port N"
 *
 *   POST <anything>    200 {"message":"ok"}, counted by path once the whole body has arrived
 *   POST /refuse...    the same with 409, to see an undo
 *   GET  /count        {"/path": number of POSTs, ...}
 *   GET  /last         {"/path": CLOCK_MONOTONIC time in ns of the first byte of the latest POST, ...}
 *   GET  /reset        forgets both
 *
 * Requests may arrive in pieces or several at once. Bodies need a Content-Length and are thrown away as they come.
 * Ends with its parent, and on SIGTERM.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  IN_SIZE = 16 * 1024,  /* the head of one request must fit; bodies need not */
  OUT_SIZE = 32 * 1024, /* answers not yet taken by the client */
  ANSWER_MAX = 12 * 1024,
  PATH_MAX_LEN = 128,
  PATHS = 64,
  CONNECTIONS = 4096,
};

struct path {
  char name[PATH_MAX_LEN];
  uint64_t count, last_ns;
};

struct connection {
  int fd;
  bool in_body, closing, waits_for_room;
  struct path *path; /* of the POST whose body is being read, NULL for a GET */
  uint64_t body_left, received_ns, began_ns;
  size_t in_len, out_at, out_len;
  char in[IN_SIZE], out[OUT_SIZE];
};

static struct path paths[PATHS];
static size_t path_count;
static int epoll_fd;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The counter of a path. Paths past the table's end share its last place. */
static struct path *path_of(const char *name, size_t len) {
  char clean[PATH_MAX_LEN];
  if (len >= PATH_MAX_LEN) len = PATH_MAX_LEN - 1;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)name[i];
    clean[i] = (c < 0x21 || c > 0x7e || c == '"' || c == '\\') ? '?' : name[i]; /* stays a JSON string */
  }
  clean[len] = 0;
  for (size_t i = 0; i < path_count; i++)
    if (strcmp(paths[i].name, clean) == 0) return &paths[i];
  if (path_count == PATHS) return &paths[PATHS - 1];
  struct path *fresh = &paths[path_count++];
  memcpy(fresh->name, path_count == PATHS ? "others" : clean, path_count == PATHS ? sizeof "others" : len + 1);
  fresh->count = fresh->last_ns = 0;
  return fresh;
}

static void answer(struct connection *c, const char *status, const char *body, size_t len) {
  int head = snprintf(c->out + c->out_len, OUT_SIZE - c->out_len,
                      "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n", status, len,
                      c->closing ? "Connection: close\r\n" : "");
  c->out_len += (size_t)head;
  memcpy(c->out + c->out_len, body, len);
  c->out_len += len;
}

static void answer_ok(struct connection *c) {
  static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
                           "{\"message\":\"ok\"}";
  memcpy(c->out + c->out_len, ok, sizeof ok - 1);
  c->out_len += sizeof ok - 1;
}

static void refuse(struct connection *c, const char *status) {
  c->closing = true;
  answer(c, status, "{}", 2);
}

static void answer_table(struct connection *c, bool times) {
  char body[ANSWER_MAX];
  size_t len = 0;
  body[len++] = '{';
  for (size_t i = 0; i < path_count; i++)
    len += (size_t)snprintf(body + len, sizeof body - len, "%s\"%s\":%" PRIu64, i ? "," : "", paths[i].name,
                            times ? paths[i].last_ns : paths[i].count);
  body[len++] = '}';
  answer(c, "200 OK", body, len);
}

static bool is_header(const char *line, size_t len, const char *name) {
  size_t n = strlen(name);
  return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

/* Reads the head at in[0..len), which ends in an empty line. Answers what cannot be served and closes. */
static void begin_request(struct connection *c, size_t len) {
  char *end = c->in + len, *line_end = memmem(c->in, len, "\r\n", 2);
  char *method_end = memchr(c->in, ' ', (size_t)(line_end - c->in));
  char *target = method_end ? method_end + 1 : NULL;
  char *target_end = target ? memchr(target, ' ', (size_t)(line_end - target)) : NULL;
  if (!target_end || line_end - target_end != 9 || memcmp(target_end + 1, "HTTP/1.1", 8) != 0) {
    refuse(c, "400 Bad Request");
    return;
  }
  bool lengths_agree = true, has_length = false;
  uint64_t body = 0;
  for (char *line = line_end + 2; line < end - 2;) {
    char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
    size_t n = (size_t)(stop - line);
    if (is_header(line, n, "content-length")) {
      char *p = line + sizeof "content-length";
      while (p < stop && (*p == ' ' || *p == '\t')) p++;
      uint64_t value = 0;
      int digits = 0;
      for (; p < stop && *p >= '0' && *p <= '9' && digits < 12; p++, digits++) value = value * 10 + (uint64_t)(*p - '0');
      lengths_agree = lengths_agree && digits && p == stop && (!has_length || value == body);
      has_length = true;
      body = value;
    } else if (is_header(line, n, "transfer-encoding")) {
      refuse(c, "411 Length Required");
      return;
    } else if (is_header(line, n, "connection") && memmem(line, n, "close", 5)) {
      c->closing = true;
    }
    line = stop + 2;
  }
  if (!lengths_agree) {
    refuse(c, "400 Bad Request");
    return;
  }
  size_t method_len = (size_t)(method_end - c->in), target_len = (size_t)(target_end - target);
  c->path = NULL;
  if (method_len == 4 && memcmp(c->in, "POST", 4) == 0) {
    c->path = path_of(target, target_len);
  } else if (method_len != 3 || memcmp(c->in, "GET", 3) != 0) {
    refuse(c, "405 Method Not Allowed");
    return;
  } else if (target_len == 6 && memcmp(target, "/count", 6) == 0) {
    answer_table(c, false);
  } else if (target_len == 5 && memcmp(target, "/last", 5) == 0) {
    answer_table(c, true);
  } else if (target_len == 6 && memcmp(target, "/reset", 6) == 0) {
    path_count = 0;
    answer(c, "200 OK", "{}", 2);
  } else {
    answer(c, "404 Not Found", "{}", 2);
  }
  c->body_left = body;
  c->in_body = true;
}

static void drop(struct connection *c, size_t len) {
  c->in_len -= len;
  memmove(c->in, c->in + len, c->in_len);
}

/* Serves everything that is complete in the buffer, as far as there is room for answers. */
static void serve(struct connection *c) {
  for (;;) {
    c->waits_for_room = OUT_SIZE - c->out_len < ANSWER_MAX + 256;
    if (c->waits_for_room) return;
    if (c->in_body) {
      size_t here = c->in_len < c->body_left ? c->in_len : (size_t)c->body_left;
      drop(c, here);
      c->body_left -= here;
      if (c->body_left) return;
      if (c->path) {
        c->path->count++;
        c->path->last_ns = c->began_ns;
        if (strncmp(c->path->name, "/refuse", 7) == 0)
          answer(c, "409 Conflict", "{\"message\":\"refused\"}", 21);
        else
          answer_ok(c);
      }
      c->in_body = false;
      if (c->closing) return;
      c->began_ns = c->received_ns; /* what is left in the buffer came with the latest bytes */
    }
    char *blank = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (!blank) {
      if (c->in_len == IN_SIZE) refuse(c, "431 Request Header Fields Too Large");
      return;
    }
    size_t head = (size_t)(blank - c->in) + 4;
    begin_request(c, head);
    if (!c->in_body) return; /* refused */
    drop(c, head);
  }
}

static void close_connection(struct connection *c) {
  close(c->fd);
  free(c);
}

/* Sends what is owed. False when the connection is gone. */
static bool flush(struct connection *c) {
  while (c->out_at < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    c->out_at += (size_t)n;
  }
  if (c->out_at == c->out_len) c->out_at = c->out_len = 0;
  return !(c->closing && !c->in_body && c->out_len == 0);
}

static bool advance(struct connection *c) {
  do {
    serve(c);
    if (!flush(c)) return false;
  } while (c->waits_for_room && c->out_len == 0);
  return true;
}

static void watch(struct connection *c, int op, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  epoll_ctl(epoll_fd, op, c->fd, &e);
}

static void on_ready(struct connection *c) {
  bool was_sending = c->out_len > 0;
  if (was_sending) {
    if (!flush(c) || (c->out_len == 0 && !advance(c))) goto gone;
  } else {
    ssize_t n = recv(c->fd, c->in + c->in_len, IN_SIZE - c->in_len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) goto gone;
    c->received_ns = now_ns();
    if (!c->in_body && c->in_len == 0) c->began_ns = c->received_ns;
    c->in_len += (size_t)n;
    if (!advance(c)) goto gone;
  }
  if ((c->out_len > 0) != was_sending) watch(c, EPOLL_CTL_MOD, c->out_len > 0 ? EPOLLOUT : EPOLLIN);
  return;
gone:
  close_connection(c);
}

static void on_connect(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
  if (fd < 0) return;
  struct connection *c = fd < CONNECTIONS ? malloc(sizeof *c) : NULL;
  if (!c) {
    close(fd);
    return;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  memset(c, 0, offsetof(struct connection, in));
  c->fd = fd;
  watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), on = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) || listen(fd, 1024) ||
      getsockname(fd, (struct sockaddr *)&at, &len)) {
    perror("target");
    exit(1);
  }
  printf("port %u\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  int listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &accepting);
  for (;;) {
    int n = epoll_wait(epoll_fd, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      if (ready[i].data.ptr)
        on_ready(ready[i].data.ptr);
      else
        on_connect(listener);
    }
  }
}
