#include "device.h"
/* descriptors of the backend API: attributes as they were set */
typedef struct node { int type; int count; struct { int name, type; int64_t n; char bytes[80]; } at[24]; } node;
size_t cudnnGetVersion(void) { return 91300; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char *cudnnGetErrorString(int e) { (void)e; return "pretend"; }
void cudnnGetLastErrorString(char *m, size_t n) { snprintf(m, n, "pretend"); }
static int made;
#define MAKES(f) int f(void **h) { *h = &made; return 0; }
MAKES(cudnnCreate) MAKES(cudnnCreateActivationDescriptor) MAKES(cudnnCreateConvolutionDescriptor) MAKES(cudnnCreateDropoutDescriptor) MAKES(cudnnCreateFilterDescriptor) MAKES(cudnnCreateLRNDescriptor) MAKES(cudnnCreatePoolingDescriptor) MAKES(cudnnCreateRNNDataDescriptor) MAKES(cudnnCreateRNNDescriptor) MAKES(cudnnCreateReduceTensorDescriptor) MAKES(cudnnCreateTensorDescriptor)
#define NOTHING(f) int f() { return 0; }
NOTHING(cudnnDestroy) NOTHING(cudnnDestroyActivationDescriptor) NOTHING(cudnnDestroyConvolutionDescriptor) NOTHING(cudnnDestroyDropoutDescriptor) NOTHING(cudnnDestroyFilterDescriptor) NOTHING(cudnnDestroyLRNDescriptor) NOTHING(cudnnDestroyPoolingDescriptor) NOTHING(cudnnDestroyRNNDataDescriptor) NOTHING(cudnnDestroyRNNDescriptor) NOTHING(cudnnDestroyReduceTensorDescriptor) NOTHING(cudnnDestroyTensorDescriptor)
NOTHING(cudnnDeriveBNTensorDescriptor) NOTHING(cudnnSetActivationDescriptor) NOTHING(cudnnSetConvolutionGroupCount) NOTHING(cudnnSetConvolutionMathType) NOTHING(cudnnSetConvolutionNdDescriptor) NOTHING(cudnnSetDropoutDescriptor) NOTHING(cudnnSetFilterNdDescriptor) NOTHING(cudnnSetLRNDescriptor) NOTHING(cudnnSetPoolingNdDescriptor) NOTHING(cudnnSetRNNDataDescriptor) NOTHING(cudnnSetRNNDescriptor_v8) NOTHING(cudnnSetReduceTensorDescriptor) NOTHING(cudnnSetStream) NOTHING(cudnnGetStream) NOTHING(cudnnGetTensorNdDescriptor) NOTHING(cudnnGetRNNWeightParams) NOTHING(cudnnGetRNNTempSpaceSizes) NOTHING(cudnnDropoutGetStatesSize)
static __thread char last[256];
int cudnnSetTensorNdDescriptor(void *d, int type, int rank, const int *dims, const int *strides) {
  (void)d; (void)type; (void)strides; int at = 0;
  for (int i = 0; i < rank; i++) at += snprintf(last + at, sizeof last - at, i ? "x%d" : "%d", dims[i]);
  return 0;
}
int cudnnGetReductionWorkspaceSize(void *h, void *d, void *a, void *c, size_t *n) { (void)h; (void)d; (void)a; (void)c; *n = 1 << 20; return 0; }
int cudnnGetReductionIndicesSize(void *h, void *d, void *a, void *c, size_t *n) { (void)h; (void)d; (void)a; (void)c; *n = 0; return 0; }
int cudnnGetConvolutionForwardWorkspaceSize(void *h, void *a, void *b, void *c, void *d, int e, size_t *n) { (void)h; (void)a; (void)b; (void)c; (void)d; (void)e; *n = 0; return 0; }
#define LOGGED(f) int f() { pretend_log("cudnn\t" #f "\t%s", last); return 0; }
LOGGED(cudnnActivationForward) LOGGED(cudnnAddTensor) LOGGED(cudnnBatchNormalizationForwardInference) LOGGED(cudnnBatchNormalizationForwardTraining) LOGGED(cudnnConvolutionBiasActivationForward) LOGGED(cudnnConvolutionForward) LOGGED(cudnnFindConvolutionForwardAlgorithmEx) LOGGED(cudnnGetConvolutionForwardAlgorithm_v7) LOGGED(cudnnLRNCrossChannelForward) LOGGED(cudnnPoolingForward) LOGGED(cudnnRNNForward) LOGGED(cudnnReduceTensor) LOGGED(cudnnSoftmaxForward)

int cudnnBackendCreateDescriptor(int type, void **d) { node *n = calloc(1, sizeof *n); n->type = type; *d = n; return 0; }
int cudnnBackendDestroyDescriptor(void *d) { (void)d; return 0; }
int cudnnBackendInitialize(void *d) { (void)d; return 0; }
int cudnnBackendSetAttribute(node *d, int name, int type, int64_t n, const void *values) {
  if (d->count < 24) {
    d->at[d->count].name = name; d->at[d->count].type = type; d->at[d->count].n = n;
    size_t bytes = (size_t)n * 8 < 80 ? (size_t)n * 8 : 80;
    int narrow = type != 0 && type != 3 && type != 5 && type != 6 && type != 15;  /* enumerations and booleans have 1 or 4 bytes */
    memcpy(d->at[d->count].bytes, values, narrow ? (n > 0 ? (type == 2 ? (size_t)n : 4) : 0) : bytes);
    d->count++;
  }
  return 0;
}
int cudnnBackendFinalize(node *d) { (void)d; return 0; }
int cudnnBackendGetAttribute(node *d, int name, int type, int64_t wanted, int64_t *count, void *values) {
  int64_t n = 0;
  if (type == 15) n = 1;                                             /* one engine, one configuration */
  else if (type == 3 && values && wanted > 0) { *(int64_t *)values = 0; n = 1; } /* workspace size, index of the engine */
  else if (type == 3) n = 1;
  else if (type == 23 && values && wanted > 0) { *(int *)values = 0; n = 1; } /* shared memory */
  else if (type == 9 && values && wanted > 0) { *(int *)values = 0; n = 1; } /* kind of knob */
  if (count) *count = n;
  return 0;
}
int cudnnBackendExecute(void *h, void *plan, void *pack) { (void)h; (void)plan; (void)pack; pretend_log("cudnn\tplan"); return 0; }
int cudnnBackendPopulateCudaGraph() { return 0; }
int cudnnBackendUpdateCudaGraph() { return 0; }
