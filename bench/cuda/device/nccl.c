/* NCCL among processes of one machine, over shared memory: only communicators that do not block, and as strict as the real one about them.
   PRETEND_NCCL_VERSION: what it says it is. PRETEND_NCCL_FAILS: the rank that tells of an error after its tenth call. */
#include "device.h"
#include <fcntl.h>
#include <stdatomic.h>
enum { SUCCESS, CUDA_ERROR, SYSTEM_ERROR, INTERNAL_ERROR, INVALID_ARGUMENT, INVALID_USAGE, REMOTE_ERROR, IN_PROGRESS };
enum { RANKS = 8, PIECE = 1 << 18, MAGIC = 0xcafebeef };
typedef struct { char bytes[128]; } unique_id;
typedef struct { size_t size; unsigned magic, version; int blocking; } config;
/* of one rank: how much of what it has for each other one is there, and the pieces themselves */
typedef struct { size_t bytes[RANKS]; size_t pieces; int kind; char data[RANKS][PIECE]; } mailbox;
typedef struct { atomic_int came, round; mailbox of[RANKS]; } meeting;
enum { NOTHING, GATHER, CAST, EXCHANGE };
typedef struct { const char *from; size_t send; char *to; size_t receive; } ends;
typedef struct { int kind; void *stream; ends with[RANKS]; } work;
typedef struct comm {
  int rank, size, calls;
  char name[64];
  meeting *shared;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t there;
  work next, grouped;
  int waiting, closing;
  atomic_int state, aborted;
} comm;
/* of the runtime: what a stream that is asked is still doing */
void pretend_busy(int change);

static __thread int depth;
static __thread comm *in_group;
static size_t width_of(int type) { return type == 7 ? 4 : type <= 1 ? 1 : 0; }

static int meet(comm *c) {
  meeting *m = c->shared;
  int round = atomic_load(&m->round);
  if (atomic_fetch_add(&m->came, 1) == c->size - 1) {
    atomic_store(&m->came, 0);
    atomic_fetch_add(&m->round, 1);
    return 1;
  }
  while (atomic_load(&m->round) == round) {
    if (atomic_load(&c->aborted)) return 0;
    usleep(20);
  }
  return 1;
}

static int perform(comm *c, work *w) {
  mailbox *mine = &c->shared->of[c->rank];
  size_t longest = 0;
  for (int r = 0; r < c->size; r++) if (w->with[r].send > longest) longest = w->with[r].send;
  mine->pieces = (longest + PIECE - 1) / PIECE;
  mine->kind = w->kind;
  for (int r = 0; r < c->size; r++) mine->bytes[r] = w->with[r].send;
  if (!meet(c)) return SUCCESS;
  size_t pieces = 0;
  for (int r = 0; r < c->size; r++) {
    mailbox *other = &c->shared->of[r];
    if (other->pieces > pieces) pieces = other->pieces;
    if (other->kind != w->kind || other->bytes[c->rank] != w->with[r].receive) return INVALID_USAGE;
  }
  for (size_t piece = 0; piece < pieces; piece++) {
    size_t at = piece * PIECE;
    for (int r = 0; r < c->size; r++) {
      size_t left = w->with[r].send > at ? w->with[r].send - at : 0;
      memcpy(mine->data[r], w->with[r].from + at, left < PIECE ? left : PIECE);
    }
    if (!meet(c)) return SUCCESS;
    for (int r = 0; r < c->size; r++) {
      size_t left = w->with[r].receive > at ? w->with[r].receive - at : 0;
      memcpy(w->with[r].to + at, c->shared->of[r].data[c->rank], left < PIECE ? left : PIECE);
    }
    if (!meet(c)) return SUCCESS;
  }
  if (!pieces) meet(c);
  return SUCCESS;
}

static void *serve(void *given) {
  comm *c = given;
  if (meet(c)) {
    if (c->rank == 0) shm_unlink(c->name);
    atomic_store(&c->state, SUCCESS);
  }
  for (;;) {
    pthread_mutex_lock(&c->lock);
    while (!c->waiting && !c->closing) pthread_cond_wait(&c->there, &c->lock);
    if (!c->waiting) { pthread_mutex_unlock(&c->lock); return NULL; }
    work now = c->next;
    pthread_mutex_unlock(&c->lock);
    usleep(50);
    const char *fails = getenv("PRETEND_NCCL_FAILS");
    atomic_store(&c->state, ++c->calls > 10 && fails && atoi(fails) == c->rank ? REMOTE_ERROR : SUCCESS);
    int result = perform(c, &now);
    if (result != SUCCESS) atomic_store(&c->state, result);
    pthread_mutex_lock(&c->lock);
    c->waiting = 0;
    pthread_mutex_unlock(&c->lock);
    /* after an error nothing comes to its end */
    if (result == SUCCESS) pretend_busy(-1);
  }
}

static int begin(comm *c, work w) {
  if (atomic_load(&c->state) != SUCCESS) return INVALID_ARGUMENT;
  pthread_mutex_lock(&c->lock);
  if (c->waiting) { pthread_mutex_unlock(&c->lock); return INVALID_USAGE; }
  c->next = w;
  c->waiting = 1;
  atomic_store(&c->state, IN_PROGRESS);
  pretend_busy(1);
  pthread_cond_signal(&c->there);
  pthread_mutex_unlock(&c->lock);
  return IN_PROGRESS;
}

int ncclGetVersion(int *version) {
  const char *given = getenv("PRETEND_NCCL_VERSION");
  *version = given ? atoi(given) : 22304;
  return SUCCESS;
}
int ncclGetUniqueId(unique_id *id) {
  memset(id, 0, sizeof *id);
  snprintf(id->bytes, sizeof id->bytes, "/pretend-nccl-%d-%ld", getpid(), (long)time(NULL));
  return SUCCESS;
}
int ncclCommInitRankConfig(comm **made, int size, unique_id id, int rank, const config *given) {
  if (given->magic != MAGIC || given->size < sizeof *given || given->blocking != 0 || size > RANKS) return INVALID_ARGUMENT;
  comm *c = calloc(1, sizeof *c);
  c->rank = rank;
  c->size = size;
  snprintf(c->name, sizeof c->name, "%s", id.bytes);
  int file = shm_open(c->name, O_CREAT | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, sizeof(meeting)) != 0) return SYSTEM_ERROR;
  c->shared = mmap(NULL, sizeof(meeting), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->there, NULL);
  atomic_store(&c->state, IN_PROGRESS);
  pthread_create(&c->thread, NULL, serve, c);
  *made = c;
  return IN_PROGRESS;
}
int ncclCommGetAsyncError(comm *c, int *state) { *state = atomic_load(&c->state); return SUCCESS; }
int ncclGroupStart(void) { depth++; return SUCCESS; }
static int grouped(comm *c, void *stream) {
  if (!depth) return INVALID_USAGE;
  if (!in_group) { in_group = c; c->grouped = (work){EXCHANGE, stream}; }
  return SUCCESS;
}
int ncclSend(const void *from, size_t count, int type, int peer, comm *c, void *stream) {
  int result = grouped(c, stream);
  c->grouped.with[peer].from = from;
  c->grouped.with[peer].send = count * width_of(type);
  pretend_log("nccl\tsend\t%zu", peer == c->rank ? 0 : count * width_of(type));
  return result;
}
int ncclRecv(void *to, size_t count, int type, int peer, comm *c, void *stream) {
  int result = grouped(c, stream);
  c->grouped.with[peer].to = to;
  c->grouped.with[peer].receive = count * width_of(type);
  return result;
}
int ncclGroupEnd(void) {
  comm *c = in_group;
  in_group = NULL;
  if (--depth || !c) return SUCCESS;
  return begin(c, c->grouped);
}
int ncclAllGather(const void *from, void *to, size_t count, int type, comm *c, void *stream) {
  work w = {GATHER, stream};
  size_t bytes = count * width_of(type);
  for (int r = 0; r < c->size; r++) w.with[r] = (ends){from, bytes, (char *)to + r * bytes, bytes};
  pretend_log("nccl\tsend\t%zu", bytes * (c->size - 1));
  return begin(c, w);
}
int ncclBroadcast(const void *from, void *to, size_t count, int type, int root, comm *c, void *stream) {
  work w = {CAST, stream};
  size_t bytes = count * width_of(type);
  if (c->rank == root) for (int r = 0; r < c->size; r++) w.with[r] = (ends){from, bytes, to, 0};
  w.with[root].to = to;
  w.with[root].receive = bytes;
  if (c->rank == root) pretend_log("nccl\tsend\t%zu", bytes * (c->size - 1));
  return begin(c, w);
}
int ncclCommFinalize(comm *c) { return atomic_load(&c->state) == SUCCESS ? SUCCESS : INVALID_ARGUMENT; }
static int end(comm *c) {
  pthread_mutex_lock(&c->lock);
  c->closing = 1;
  pthread_cond_signal(&c->there);
  pthread_mutex_unlock(&c->lock);
  pthread_join(c->thread, NULL);
  munmap(c->shared, sizeof(meeting));
  free(c);
  return SUCCESS;
}
int ncclCommDestroy(comm *c) { return end(c); }
int ncclCommAbort(comm *c) { pretend_log("nccl\tabort"); atomic_store(&c->aborted, 1); return end(c); }
const char *ncclGetErrorString(int e) {
  static const char *words[] = {"no error", "unhandled cuda error", "unhandled system error", "internal error", "invalid argument", "invalid usage", "remote process exited or there was a network error", "NCCL operation in progress"};
  return words[e];
}
const char *ncclGetLastError(comm *c) { (void)c; return "the pretend NCCL has no more to say"; }
