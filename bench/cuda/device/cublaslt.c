#include "device.h"
static int handle;
#define MAKES(f) int f(void **h) { *h = &handle; return 0; }
MAKES(cublasLtCreate) MAKES(cublasLtMatmulDescCreate) MAKES(cublasLtMatmulPreferenceCreate) MAKES(cublasLtMatrixLayoutCreate) MAKES(cublasLtMatrixTransformDescCreate)
#define NOTHING(f) int f() { return 0; }
NOTHING(cublasLtDestroy) NOTHING(cublasLtMatmulAlgoConfigSetAttribute) NOTHING(cublasLtMatmulAlgoInit) NOTHING(cublasLtMatmulDescDestroy) NOTHING(cublasLtMatmulDescSetAttribute)
NOTHING(cublasLtMatmulPreferenceDestroy) NOTHING(cublasLtMatmulPreferenceSetAttribute) NOTHING(cublasLtMatrixLayoutDestroy) NOTHING(cublasLtMatrixLayoutSetAttribute) NOTHING(cublasLtMatrixTransformDescDestroy)
int cublasLtMatmul() { pretend_log("gemm\tcublasLtMatmul"); return 0; }
int cublasLtMatrixTransform() { pretend_log("cublas\tcublasLtMatrixTransform"); return 0; }
int cublasLtMatmulAlgoGetHeuristic(void *h, void *o, void *a, void *b, void *c, void *d, void *p, int wanted, void *results, int *found) {
  (void)h; (void)o; (void)a; (void)b; (void)c; (void)d; (void)p; (void)wanted; memset(results, 0, 96); *found = 1; return 0;
}
