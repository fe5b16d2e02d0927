#include "device.h"
enum { OK = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NOT_READY = 600 };
typedef struct { unsigned x, y, z; } dim3;
typedef void *stream_t;

static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double start_s;
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
void pretend_log(const char *format, ...) {
  pthread_mutex_lock(&lock);
  if (!out) {
    /* a folder, where several processes write */
    const char *given = getenv("PRETEND_CUDA_LOG");
    size_t length = given ? strlen(given) : 0;
    char path[4096];
    snprintf(path, sizeof path, length && given[length - 1] == '/' ? "%s%d" : "%s", given, getpid());
    out = length ? fopen(path, "w") : NULL;
    start_s = now();
    if (out) setvbuf(out, NULL, _IOFBF, 1 << 20);
  }
  if (out) {
    fprintf(out, "%.6f\t", now() - start_s);
    va_list args; va_start(args, format); vfprintf(out, format, args); va_end(args);
    fputc('\n', out);
  }
  pthread_mutex_unlock(&lock);
}
/* called by the traced program: what follows in the log belongs to it */
void pretend_mark(const char *what) { pretend_log("mark\t%s", what); if (out) fflush(out); }
__attribute__((destructor)) static void finish(void) { if (out) fflush(out); }

/* kernels by the address of their host stubs */
enum { TABLE = 1 << 16 };
static struct { const void *host; const char *name; } table[TABLE];
static unsigned slot(const void *p) { return (unsigned)(((uintptr_t)p * 0x9E3779B97F4A7C15ull) >> 48); }
static const char *name_of(const void *p) {
  for (unsigned i = slot(p), n = 0; n < TABLE; i = (i + 1) % TABLE, n++) {
    if (table[i].host == p) return table[i].name;
    if (!table[i].host) break;
  }
  return "?";
}
void **__cudaRegisterFatBinary(void *f) { static void *h; (void)f; return &h; }
void __cudaRegisterFatBinaryEnd(void **h) { (void)h; }
void __cudaUnregisterFatBinary(void **h) { (void)h; }
void __cudaRegisterVar(void **h, char *a, char *b, const char *c, int d, size_t e, int f, int g) { (void)h; (void)a; (void)b; (void)c; (void)d; (void)e; (void)f; (void)g; }
void __cudaRegisterFunction(void **h, const char *host, char *device, const char *name, int limit, void *a, void *b, void *c, void *d, int *e) {
  (void)h; (void)device; (void)limit; (void)a; (void)b; (void)c; (void)d; (void)e;
  unsigned i = slot(host);
  while (table[i].host && table[i].host != (const void *)host) i = (i + 1) % TABLE;
  table[i].host = host; table[i].name = name;
}
int __cudaGetKernel(const void **kernel, const void *host) { *kernel = host; return OK; }
static __thread struct { dim3 grid, block; size_t shared; stream_t stream; } configuration;
unsigned __cudaPushCallConfiguration(dim3 g, dim3 b, size_t s, stream_t st) { configuration.grid = g; configuration.block = b; configuration.shared = s; configuration.stream = st; return 0; }
int __cudaPopCallConfiguration(dim3 *g, dim3 *b, size_t *s, void *st) { *g = configuration.grid; *b = configuration.block; *s = configuration.shared; *(stream_t *)st = configuration.stream; return OK; }
/* PRETEND_CUDA_LAUNCHES: after so many, there is no more memory, as when another program has taken it; an error stays until it is asked for */
static size_t launches;
static int last_error;
static int failed(int e) { last_error = e; return e; }
static int gone(void) { const char *given = getenv("PRETEND_CUDA_LAUNCHES"); return given && launches > strtoull(given, NULL, 10); }
static int launch(const void *f, dim3 g, dim3 b) {
  launches++;
  if (gone()) return failed(OUT_OF_MEMORY);
  const char *bad = (g.x == 0 || g.y == 0 || g.z == 0 || g.y > 65535 || g.z > 65535 || g.x > 2147483647u || b.x * b.y * b.z == 0 || b.x * b.y * b.z > 1024) ? "\tINVALID" : "";
  pretend_log("kernel\t%s\t%u,%u,%u\t%u%s", name_of(f), g.x, g.y, g.z, b.x * b.y * b.z, bad);
  return OK;
}
int cudaLaunchKernel(const void *f, dim3 g, dim3 b, void **a, size_t s, stream_t st) { (void)a; (void)s; (void)st; return launch(f, g, b); }
int __cudaLaunchKernel(const void *f, dim3 g, dim3 b, void **a, size_t s, stream_t st) { (void)a; (void)s; (void)st; return launch(f, g, b); }
typedef struct { dim3 grid, block; size_t shared; stream_t stream; } launch_config;
int cudaLaunchKernelExC(const launch_config *c, const void *f, void **a) { (void)a; return launch(f, c->grid, c->block); }
int cudaLibraryLoadData(void **l) { *l = (void *)1; return OK; }
int cudaLibraryUnload(void *l) { (void)l; return OK; }
int cudaLibraryGetKernel(const void **k, void *l, const char *n) { (void)l; (void)n; *k = (void *)1; return OK; }
int cudaKernelSetAttributeForDevice() { return OK; }
int cudaFuncSetAttribute() { return OK; }
int cudaFuncGetAttributes(void *a) { memset(a, 0, 64); return OK; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n) { *n = 2; return OK; }

/* memory: address space only; what nobody touches costs nothing */
static void *take(size_t n) {
  size_t *p = mmap(NULL, n + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return NULL;
  *p = n + 4096;
  return (char *)p + 4096;
}
static int give(void *p) { if (p) { size_t *h = (size_t *)((char *)p - 4096); munmap(h, *h); } return OK; }
/* PRETEND_CUDA_BYTES: how many there are, for memory that runs out */
static size_t used;
static size_t most(void) { const char *given = getenv("PRETEND_CUDA_BYTES"); return given ? strtoull(given, NULL, 10) : 79ull << 30; }
int cudaMalloc(void **p, size_t n) {
  pretend_log("malloc\t%zu", n);
  if (gone() || used + n > most() || !(*p = take(n))) return failed(OUT_OF_MEMORY);
  used += n;
  return OK;
}
int cudaFree(void *p) { pretend_log("free"); if (p) used -= *(size_t *)((char *)p - 4096) - 4096; return give(p); }
int cudaMallocFromPoolAsync(void **p, size_t n) { return cudaMalloc(p, n); }
int cudaFreeAsync(void *p) { return cudaFree(p); }
int cudaHostAlloc(void **p, size_t n, unsigned f) { (void)f; pretend_log("pinned\t%zu", n); return (*p = take(n)) ? OK : OUT_OF_MEMORY; }
int cudaMallocHost(void **p, size_t n) { return cudaHostAlloc(p, n, 0); }
int cudaFreeHost(void *p) { pretend_log("free_pinned"); return give(p); }
int cudaMemGetInfo(size_t *f, size_t *t) { *f = most() - used; *t = most(); return OK; }
/* small copies are made (trip counts, conditions), large ones are only told of, unless PRETEND_CUDA_COPIES is all */
static size_t made(void) { const char *given = getenv("PRETEND_CUDA_COPIES"); return given && !strcmp(given, "all") ? SIZE_MAX : 4096; }
static const char *kinds[] = {"H2H", "H2D", "D2H", "D2D", "default"};
static int copy(void *d, const void *s, size_t n, int kind, const char *how) {
  if (n <= made()) memmove(d, s, n);
  pretend_log("copy%s\t%s\t%zu", how, kinds[kind], n);
  return OK;
}
int cudaMemcpy(void *d, const void *s, size_t n, int k) { return copy(d, s, n, k, ""); }
int cudaMemcpyAsync(void *d, const void *s, size_t n, int k, stream_t st) { (void)st; return copy(d, s, n, k, "_async"); }
int cudaMemcpy2DAsync(void *d, size_t dp, const void *s, size_t sp, size_t w, size_t h, int k, stream_t st) { (void)d; (void)dp; (void)s; (void)sp; (void)st; pretend_log("copy_async\t%s\t%zu", kinds[k], w * h); return OK; }
int cudaMemcpyFromSymbol() { return OK; }
int cudaMemset(void *d, int v, size_t n) { if (n <= 4096) memset(d, v, n); pretend_log("memset\t%zu", n); return OK; }
int cudaMemsetAsync(void *d, int v, size_t n, stream_t st) { (void)st; return cudaMemset(d, v, n); }
int cudaMemPoolCreate(void **p) { *p = (void *)1; return OK; }
int cudaMemPoolDestroy() { return OK; }
int cudaMemPoolGetAttribute() { return OK; }
int cudaMemPoolSetAttribute() { return OK; }
int cudaMemPoolTrimTo() { return OK; }

/* PRETEND_CUDA_DEVICES: how many there are */
static int devices(void) { const char *given = getenv("PRETEND_CUDA_DEVICES"); return given ? atoi(given) : 1; }
int cudaGetDeviceCount(int *n) { *n = devices(); return *n ? OK : NO_DEVICE; }
int cudaGetDevice(int *d) { *d = 0; return OK; }
int cudaSetDevice(int d) { return !devices() ? NO_DEVICE : d < devices() ? OK : INVALID_DEVICE; }
/* one of its own for each of a machine */
int cudaDeviceGetPCIBusId(char *id, int n, int d) { snprintf(id, n, "0000:%02x:00.0", d); return OK; }
/* CUDA 13's layout; an H100's figures */
int cudaGetDeviceProperties(char *p, int d) {
  (void)d;
  memset(p, 0, 700);
  strcpy(p, "pretend device");
  *(size_t *)(p + 288) = 80ull << 30;
  *(size_t *)(p + 296) = 48 << 10;
  *(int *)(p + 304) = 65536; *(int *)(p + 308) = 32;
  *(size_t *)(p + 312) = 2147483647;
  *(int *)(p + 320) = 1024;
  *(int *)(p + 324) = 1024; *(int *)(p + 328) = 1024; *(int *)(p + 332) = 64;
  *(int *)(p + 336) = 2147483647; *(int *)(p + 340) = 65535; *(int *)(p + 344) = 65535;
  *(size_t *)(p + 352) = 64 << 10;
  *(int *)(p + 360) = 9; *(int *)(p + 364) = 0;
  *(size_t *)(p + 368) = 512; *(size_t *)(p + 376) = 32;
  *(int *)(p + 384) = 132; *(int *)(p + 388) = 0; *(int *)(p + 392) = 1;
  return OK;
}
int cudaDeviceGetAttribute(int *v, int a, int d) {
  (void)d;
  switch (a) {
    case 1: *v = 1024; break;
    case 10: *v = 32; break;
    case 16: *v = 132; break;
    case 39: *v = 2048; break;
    case 75: *v = 9; break;
    case 8: case 81: *v = 48 << 10; break;
    case 97: *v = 227 << 10; break;
    default: *v = 0;
  }
  return OK;
}
int cudaRuntimeGetVersion(int *v) { *v = 13000; return OK; }
int cudaDriverGetVersion(int *v) { *v = 13000; return OK; }
int cudaGetDriverEntryPointByVersion(const char *s, void **f) { (void)s; *f = NULL; return OK; }
int cudaDeviceSynchronize(void) { pretend_log("sync_device"); return OK; }
static int nothing;
int cudaStreamCreate(void **s) { *s = &nothing; pretend_log("stream"); return OK; }
int cudaStreamCreateWithFlags(void **s) { return cudaStreamCreate(s); }
int cudaStreamDestroy() { return OK; }
/* what NCCL's calls have begun and not ended */
static volatile int busy;
void pretend_busy(int change) { __sync_fetch_and_add(&busy, change); }
int cudaStreamQuery(stream_t s) { (void)s; return busy ? NOT_READY : OK; }
int cudaStreamSynchronize() { pretend_log("sync"); return OK; }
int cudaStreamWaitEvent() { return OK; }
int cudaStreamIsCapturing(stream_t s, int *v) { (void)s; *v = 0; return OK; }
int cudaStreamBeginCapture() { return OK; }
int cudaStreamEndCapture() { return OK; }
int cudaGraphDestroy() { return OK; }
int cudaGraphExecDestroy() { return OK; }
int cudaGraphInstantiate() { return OK; }
int cudaGraphLaunch() { return OK; }
int cudaLaunchHostFunc(stream_t s, void (*f)(void *), void *a) { (void)s; pretend_log("host_function"); f(a); return OK; }
int cudaEventCreate(void **e) { *e = &nothing; return OK; }
int cudaEventCreateWithFlags(void **e) { *e = &nothing; return OK; }
int cudaEventDestroy() { return OK; }
int cudaEventRecord() { return OK; }
int cudaEventSynchronize() { pretend_log("sync_event"); return OK; }
int cudaEventElapsedTime(float *t) { *t = 0; return OK; }
int cudaGetLastError(void) { int e = last_error; last_error = OK; return e; }
int cudaPeekAtLastError(void) { return last_error; }
const char *cudaGetErrorString(int e) {
  switch (e) {
    case OUT_OF_MEMORY: return "out of memory";
    case NO_DEVICE: return "no CUDA-capable device is detected";
    case NOT_READY: return "device not ready";
    case INVALID_DEVICE: return "invalid device ordinal";
    default: return "pretend";
  }
}
const char *cudaGetErrorName(int e) { return cudaGetErrorString(e); }
