// What tch lacks of libtorch, as C functions. Tensors are torch::Tensor* of tch. Every function gives null, or a message that the
// caller frees. Nothing here needs the headers of CUDA: libtorch's own interface to accelerators is enough.

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/accelerator/Graph.h>
#include <ATen/autocast_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/torch.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#ifdef __linux__
#include <dlfcn.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

template <typename Work>
char *guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("it gave no reason");
  }
}

std::vector<at::Tensor> list(at::Tensor *const *tensors, size_t count) {
  std::vector<at::Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; i++) result.push_back(*tensors[i]);
  return result;
}

}  // namespace

extern "C" {

const char *aees_torch_built_for() { return TORCH_VERSION; }

// The version of the library that was loaded stands among its build settings.
char *aees_torch_loaded(char **version) {
  return guarded([&] {
    const std::string key = "TORCH_VERSION=", config = at::show_config();
    const auto start = config.find(key);
    const auto text = start == std::string::npos ? std::string("unknown") : config.substr(start + key.size());
    *version = strdup(text.substr(0, text.find_first_of(", \n")).c_str());
  });
}

// A program is linked with the part for CPUs alone; the part for CUDA registers itself when it is loaded.
char *aees_torch_load_cuda() {
#ifdef __linux__
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return strdup(dlerror());
#endif
  return nullptr;
}

// Freed memory stays with the process: a step frees and takes the same gigabytes again, and a page that is new to the process
// has to be cleared first.
void aees_torch_keep_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

char *aees_torch_channels_last(const at::Tensor *tensor, at::Tensor **result) {
  return guarded([&] { *result = new at::Tensor(tensor->contiguous(at::MemoryFormat::ChannelsLast)); });
}

// Turns autocast to bf16 on or off for the calling thread.
char *aees_torch_autocast(bool cuda, bool on) {
  return guarded([&] {
    const auto device = cuda ? at::kCUDA : at::kCPU;
    if (on) at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::set_autocast_enabled(device, on);
    if (!on) at::autocast::clear_cache();
  });
}

char *aees_torch_tf32(bool on) {
  return guarded([&] {
    at::globalContext().setAllowTF32CuBLAS(on);
    at::globalContext().setAllowTF32CuDNN(on);
  });
}

// Of the allocator of the GPU, since the process began.
char *aees_torch_peak_memory(int32_t index, int64_t *bytes) {
  return guarded([&] {
    const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(static_cast<c10::DeviceIndex>(index));
    *bytes = stats.reserved_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  });
}

// Copies each source into its target: as few launches as the library can make of it.
char *aees_torch_copy_all(at::Tensor *const *targets, at::Tensor *const *sources, size_t count) {
  return guarded([&] {
    at::NoGradGuard guard;
    at::_foreach_copy_(list(targets, count), list(sources, count));
  });
}

char *aees_torch_adamw(at::Tensor *parameter, at::Tensor *gradient, at::Tensor *mean, at::Tensor *square, at::Tensor *count,
                       const at::Tensor *rate, double beta1, double beta2, double decay, double epsilon) {
  return guarded([&] {
    at::NoGradGuard guard;
    count->add_(1);
    at::_fused_adamw_({*parameter}, {*gradient}, {*mean}, {*square}, {}, {*count}, *rate, beta1, beta2, decay, epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  });
}

// A stream of its own on a GPU, and the one that the calling thread works on.
char *aees_torch_new_stream(int32_t index, int64_t stream[3]) {
  return guarded([&] {
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    const auto packed = guard.getStreamFromGlobalPool(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index))).pack3();
    stream[0] = packed.stream_id;
    stream[1] = packed.device_index;
    stream[2] = static_cast<int64_t>(packed.device_type);
  });
}

char *aees_torch_exchange_stream(const int64_t next[3], int64_t previous[3]) {
  return guarded([&] {
    const auto stream = c10::Stream::unpack3(next[0], static_cast<c10::DeviceIndex>(next[1]),
                                             static_cast<c10::DeviceType>(next[2]));
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    guard.setDevice(stream.device());
    const auto packed = guard.exchangeStream(stream).pack3();
    previous[0] = packed.stream_id;
    previous[1] = packed.device_index;
    previous[2] = static_cast<int64_t>(packed.device_type);
  });
}

// What the calling thread enqueues between begin and end is recorded and not done. Other threads may do what they like meanwhile.
char *aees_torch_graph_begin(at::accelerator::Graph **graph) {
  return guarded([&] {
    auto recorded = std::make_unique<at::accelerator::Graph>();
    recorded->capture_begin({0, 0}, at::GraphCaptureMode::ThreadLocal);
    *graph = recorded.release();
  });
}

char *aees_torch_graph_end(at::accelerator::Graph *graph) {
  return guarded([&] { graph->capture_end(); });
}

char *aees_torch_graph_replay(at::accelerator::Graph *graph) {
  return guarded([&] { graph->replay(); });
}

void aees_torch_graph_free(at::accelerator::Graph *graph) {
  free(guarded([&] { delete graph; }));
}
}
