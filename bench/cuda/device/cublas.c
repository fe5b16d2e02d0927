#include "device.h"
static int handle;
int cublasCreate_v2(void **h) { *h = &handle; return 0; }
#define NOTHING(f) int f() { return 0; }
NOTHING(cublasDestroy_v2) NOTHING(cublasSetStream_v2)
static int mode;
int cublasSetMathMode(void *h, int m) { (void)h; mode = m; return 0; }
int cublasGetMathMode(void *h, int *m) { (void)h; *m = mode; return 0; }
const char *cublasGetStatusName() { return "pretend"; }
const char *cublasGetStatusString() { return "pretend"; }
#define LOGGED(f) int f() { pretend_log("cublas\t" #f); return 0; }
LOGGED(cublasDcopy_v2) LOGGED(cublasScopy_v2) LOGGED(cublasSscal_v2) LOGGED(cublasDgeam) LOGGED(cublasSgeam)
LOGGED(cublasDgetrfBatched) LOGGED(cublasDgetriBatched) LOGGED(cublasSgetrfBatched) LOGGED(cublasSgetriBatched)
#define GEMM(f) int f(void *h, int ta, int tb, int m, int n, int k) { (void)h; pretend_log("gemm\t" #f "\t%c%c\t%d,%d,%d\tmode %d", "NTC"[ta], "NTC"[tb], m, n, k, mode); return 0; }
GEMM(cublasSgemm_v2) GEMM(cublasDgemm_v2) GEMM(cublasGemmEx) GEMM(cublasSgemmBatched) GEMM(cublasDgemmBatched) GEMM(cublasGemmBatchedEx) GEMM(cublasDgemmStridedBatched)
int cublasSgemmStridedBatched(void *h, int ta, int tb, int m, int n, int k, void *al, void *a, int lda, long sa, void *b, int ldb, long sb, void *be, void *c, int ldc, long sc, int count) {
  (void)h; (void)al; (void)a; (void)lda; (void)sa; (void)b; (void)ldb; (void)sb; (void)be; (void)c; (void)ldc; (void)sc;
  pretend_log("gemm\tcublasSgemmStridedBatched\t%c%c\t%d,%d,%d x %d\tmode %d", "NTC"[ta], "NTC"[tb], m, n, k, count, mode); return 0;
}
int cublasGemmStridedBatchedEx(void *h, int ta, int tb, int m, int n, int k, void *al, void *a, int at, int lda, long sa, void *b, int bt, int ldb, long sb, void *be, void *c, int ct, int ldc, long sc, int count) {
  (void)h; (void)al; (void)a; (void)at; (void)lda; (void)sa; (void)b; (void)bt; (void)ldb; (void)sb; (void)be; (void)c; (void)ct; (void)ldc; (void)sc;
  pretend_log("gemm\tcublasGemmStridedBatchedEx\t%c%c\t%d,%d,%d x %d\tmode %d", "NTC"[ta], "NTC"[tb], m, n, k, count, mode); return 0;
}
