// File: program_builder.cpp
#include "test/gtest/engine/program_builder.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>

namespace oriel::testing {
namespace {

template <typename T>
T* At(const int64_t* args, int i) { return reinterpret_cast<T*>(args[kArgFirst + i]); }

struct Span {
  int64_t begin, end;
};
Span Elements(int64_t task_begin, int64_t task_end, int64_t n) { return {task_begin * kBlock, std::min(task_end * kBlock, n)}; }

// a, b, out, n
void AddKernel(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  const Span s = Elements(begin, end, args[kArgFirst + 3]);
  for (int64_t i = s.begin; i < s.end; ++i) At<float>(args, 2)[i] = At<float>(args, 0)[i] + At<float>(args, 1)[i];
}
void MulKernel(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  const Span s = Elements(begin, end, args[kArgFirst + 3]);
  for (int64_t i = s.begin; i < s.end; ++i) At<float>(args, 2)[i] = At<float>(args, 0)[i] * At<float>(args, 1)[i];
}
// a, out, n
void DoubleKernel(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  const Span s = Elements(begin, end, args[kArgFirst + 2]);
  for (int64_t i = s.begin; i < s.end; ++i) At<float>(args, 1)[i] = 2 * At<float>(args, 0)[i];
}
// a, out, n: as double, and takes 2 ms
void SlowKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  while (std::chrono::steady_clock::now() < until) {
  }
  DoubleKernel(args, begin, end, worker);
}
// a, out, n: as double, once another of its kind runs (zeros when none comes)
std::atomic<int> at_meeting{0}, met{0};
void MeetKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  const int round = met.load();
  const bool last = at_meeting.fetch_add(1) % 2 == 1;
  if (last) met.fetch_add(1);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (met.load() == round && std::chrono::steady_clock::now() < until) {
  }
  if (met.load() == round) return;
  DoubleKernel(args, begin, end, worker);
}
// a, out, n: writes one element too many
void OverrunKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  DoubleKernel(args, begin, end, worker);
  At<float>(args, 1)[args[kArgFirst + 2]] = 1;
}
// a, out, n: writes the element before its output
void UnderrunKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  DoubleKernel(args, begin, end, worker);
  At<float>(args, 1)[-1] = 1;
}
// a, out, n: writes its input
void ScribbleKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  DoubleKernel(args, begin, end, worker);
  At<float>(args, 0)[0] = 1;
}
// x, indices (i64), out, n, rows: out[i] = x[indices[i]]
void GatherKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  const Span s = Elements(begin, end, args[kArgFirst + 3]);
  const int64_t rows = args[kArgFirst + 4];
  ErrorRecord* error = reinterpret_cast<ErrorRecord*>(args[kArgErrors]) + worker;
  for (int64_t i = s.begin; i < s.end; ++i) {
    int64_t index = At<int64_t>(args, 1)[i];
    if (index < -rows || index >= rows) {
      if (error->code == 0 || i < error->position) {
        *error = {};
        error->code = static_cast<int32_t>(KernelError::kIndexOutOfRange);
        error->position = i;
        error->value = index;
        error->bound = rows;
      }
      index = 0;
    }
    At<float>(args, 2)[i] = rows > 0 ? At<float>(args, 0)[index < 0 ? index + rows : index] : 0;
  }
}
// Two phases. a, out (scalar), n: partial sums per task in the shared workspace
// (through each worker's scratch), then their total.
void SumPartial(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  float* shared = reinterpret_cast<float*>(args[kArgShared]);
  float* scratch = reinterpret_cast<float*>(args[kArgScratch] + worker * args[kArgScratchBytes]);
  for (int64_t t = begin; t < end; ++t) {
    const Span s = Elements(t, t + 1, args[kArgFirst + 2]);
    scratch[0] = 0;
    for (int64_t i = s.begin; i < s.end; ++i) scratch[0] += At<float>(args, 0)[i];
    shared[t] = scratch[0];
  }
}
void SumTotal(const int64_t* args, int64_t, int64_t, int64_t) {
  const float* shared = reinterpret_cast<const float*>(args[kArgShared]);
  const int64_t tasks = (args[kArgFirst + 2] + kBlock - 1) / kBlock;
  float sum = 0;
  for (int64_t t = 0; t < tasks; ++t) sum += shared[t];
  *At<float>(args, 1) = sum;
}
// i (i64 scalar), x, out, n: out = x + i
void AddIndexKernel(const int64_t* args, int64_t begin, int64_t end, int64_t) {
  const Span s = Elements(begin, end, args[kArgFirst + 3]);
  for (int64_t i = s.begin; i < s.end; ++i) At<float>(args, 2)[i] = At<float>(args, 1)[i] + static_cast<float>(*At<int64_t>(args, 0));
}
// longest (i64 scalar), out, n: counts as a scatter whose longest run is that
void CountRunKernel(const int64_t* args, int64_t begin, int64_t, int64_t worker) {
  if (begin != 0) return;
  ScatterCounts& counts = reinterpret_cast<ScatterCounts*>(args[kArgCounts])[worker];
  counts.longest_run = std::max(counts.longest_run, *At<int64_t>(args, 0));
  counts.updates += *At<int64_t>(args, 0);
  counts.combined += *At<int64_t>(args, 0);
  ++counts.sweeps[0];
  At<float>(args, 1)[0] = 0;
}
// worker, out: which worker ran each task
void WorkerKernel(const int64_t* args, int64_t begin, int64_t end, int64_t worker) {
  for (int64_t t = begin; t < end; ++t) At<float>(args, 1)[t] = static_cast<float>(worker);
}

}  // namespace

std::shared_ptr<const LoadedImage> TestKernels() {
  return LoadedImage::FromSymbols({{"add", AddKernel},
                                   {"mul", MulKernel},
                                   {"double", DoubleKernel},
                                   {"slow", SlowKernel},
                                   {"meet", MeetKernel},
                                   {"overrun", OverrunKernel},
                                   {"underrun", UnderrunKernel},
                                   {"scribble", ScribbleKernel},
                                   {"gather", GatherKernel},
                                   {"sum_partial", SumPartial},
                                   {"sum_total", SumTotal},
                                   {"add_index", AddIndexKernel},
                                   {"count_run", CountRunKernel},
                                   {"worker", WorkerKernel}});
}

ProgramBuilder AddMul() {
  ProgramBuilder b("add_mul");
  const Dim n = b.Symbol("n");
  const int32_t x = b.Input("a", DType::f32, {n});
  const int32_t y = b.Input("b", DType::f32, {n});
  const int32_t sum = b.Temp("sum", DType::f32, {n});
  const int32_t out = b.Output("y", DType::f32, {n});
  b.Add(b.Elementwise("add", {x, y}, {sum}), {sum});
  b.Add(b.Elementwise("mul", {sum, x}, {out}), {out}, {sum});
  return b;
}

ProgramBuilder Fragmented(bool once) {
  ProgramBuilder b("fragmented");
  const int32_t x = b.Input("x", DType::f32, {16});
  const int32_t out = b.Output("out", DType::f32, {16});
  int32_t kept = -1;
  if (once) {
    const std::vector<float> ones(16, 1);
    std::vector<uint8_t> bytes(16 * sizeof(float));
    std::memcpy(bytes.data(), ones.data(), bytes.size());
    const int32_t c = b.Constant("c", DType::f32, {16}, bytes);
    kept = b.Temp("kept", DType::f32, {16});
    b.program().buffers[kept].kind = BufferKind::kKept;
    DispatchStep make = b.Elementwise("double", {c}, {kept});
    make.once = true;
    b.Add(make);
  }
  std::mt19937 random(3);
  std::vector<std::pair<int32_t, int>> live;  // buffer, remaining life
  int32_t last = x;
  for (int s = 0; s < 60; ++s) {
    const int32_t t = b.Temp("t" + std::to_string(s), DType::f32, {16 * static_cast<int64_t>(1 + random() % 9)});
    DispatchStep d = b.Elementwise("double", {last}, {t});
    d.args.back().value = 16;
    d.phases[0].tasks = 1;
    std::vector<int32_t> ended;
    for (auto& [buffer, left] : live) {
      if (--left == 0) ended.push_back(buffer);
    }
    live.push_back({t, 2 + static_cast<int>(random() % 9)});
    b.Add(d, {t}, ended);
    last = t;
  }
  DispatchStep end = once ? b.Elementwise("add", {last, kept}, {out}) : b.Elementwise("double", {last}, {out});
  b.Add(end, {out});
  return b;
}

void AddNestedLoops(ProgramBuilder* b, const Dim& n, int32_t x, int32_t outer_trips, int32_t inner_trips) {
  const int32_t out = b->Output("out", DType::f32, {n});
  const int32_t current = b->Temp("current", DType::f32, {n}), next = b->Temp("next", DType::f32, {n});
  const int32_t inner_current = b->Temp("inner_current", DType::f32, {n}), inner_next = b->Temp("inner_next", DType::f32, {n});
  const int32_t i = b->Temp("i", DType::i64, {});
  LoopStep inner;
  inner.trips = inner_trips;
  inner.induction = i;
  inner.initial = {current};
  inner.current = {inner_current};
  inner.next = {inner_next};
  inner.results = {next};
  inner.body.push_back(b->Wrap(b->Elementwise("add_index", {i, inner_current}, {inner_next})));
  LoopStep outer;
  outer.trips = outer_trips;
  outer.initial = {x};
  outer.current = {current};
  outer.next = {next};
  outer.results = {out};
  outer.body.push_back(b->Wrap(inner, {inner_current, inner_next, i}, {inner_current, inner_next, i}));
  b->Add(outer, {current, next, out}, {current, next});
}

}  // namespace oriel::testing
