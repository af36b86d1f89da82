// compile() through the whole stack: caches, processes, other copies of LLVM.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "oriel/oriel.h"
#include "runtime/jit/loader/build_id.h"
#include "runtime/jit/loader/compiler_library.h"

extern char** environ;

namespace oriel {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/oriel_jit_test_XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::vector<fs::path> Entries(const std::string& kind) const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().filename().string().rfind(kind + "-", 0) == 0)
        out.push_back(entry.path());
    }
    return out;
  }

 private:
  std::string path_;
};

// (x + 1) * x and its sum: two kernels at least when nothing is fused.
absl::StatusOr<Function> CompileSmall(const std::string& cache,
                                      bool fusion = true) {
  Value x = input("x", DType::f32, {dyn("n"), 8});
  Value y = ((x + 1.0) * x).named("y");
  CompileOptions options;
  options.cache_dir = cache;
  options.fusion = fusion;
  return compile({x}, {y, sum(y, {1})}, {}, options);
}

void ExpectRight(const Function& f) {
  Tensor x = Tensor::Normal({5, 8}, 3);
  absl::StatusOr<std::vector<Tensor>> out = f({x});
  ASSERT_TRUE(out.ok()) << out.status();
  for (int i = 0; i < 5; ++i) {
    float total = 0;
    for (int j = 0; j < 8; ++j) {
      float v = x.data<float>()[i * 8 + j];
      EXPECT_EQ((*out)[0].data<float>()[i * 8 + j], (v + 1.0f) * v);
      total += (v + 1.0f) * v;
    }
    EXPECT_NEAR((*out)[1].data<float>()[i], total, 1e-5);
  }
}

bool IsMapped(const std::string& name) {
  std::ifstream maps("/proc/self/maps");
  std::string all((std::istreambuf_iterator<char>(maps)), {});
  return all.find(name) != std::string::npos;
}

// Runs a disabled test of this binary in a new process; its exit code.
pid_t Spawn(const std::string& test, const std::string& cache,
            const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"/proc/self/exe",
                                    "--gtest_also_run_disabled_tests",
                                    "--gtest_filter=" + test};
  std::vector<std::string> variables = more;
  variables.push_back("ORIEL_JIT_TEST_CACHE=" + cache);
  for (char** e = environ; *e != nullptr; ++e) variables.push_back(*e);
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : variables) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, argv.data(),
                        envp.data()),
            0);
  return pid;
}

int ExitCode(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string ChildCache() {
  const char* cache = getenv("ORIEL_JIT_TEST_CACHE");
  return cache == nullptr ? "none" : cache;
}

TEST(Jit, CompilesAndRuns) {
  absl::StatusOr<Function> f = CompileSmall("none");
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().source, "compiled");
  EXPECT_GE(f->compile_info().kernels, 1);
  EXPECT_EQ(f->compile_info().kernels_from_cache, 0);
  ExpectRight(*f);
  std::vector<std::string> phases;
  for (const auto& [phase, ns] : f->compile_info().phases)
    phases.push_back(phase);
  EXPECT_THAT(phases, ::testing::IsSupersetOf({"export", "parse", "simplified",
                                               "fused", "codegen", "planned"}));
}

int64_t SumOf(const std::vector<std::pair<std::string, int64_t>>& phases) {
  int64_t sum = 0;
  for (const auto& [phase, ns] : phases) sum += ns;
  return sum;
}

// Every nanosecond of a compilation is in one phase, one pass and some nodes.
void ExpectAddsUp(const CompileReport& r) {
  EXPECT_EQ(SumOf(r.phases), r.total_ns);
  for (const auto& [phase, ns] : r.made.phases) {
    int64_t passes = 0;
    for (const CompileCosts::Pass& pass : r.made.passes) {
      if (pass.phase == phase) passes += pass.ns;
    }
    EXPECT_EQ(passes, ns) << phase;
  }
  int64_t nodes = 0;
  for (const CompileReport::NodeRow& row : r.nodes) nodes += row.ns;
  EXPECT_NEAR(static_cast<double>(nodes), static_cast<double>(r.made_ns),
              static_cast<double>(r.nodes.size()));
}

TEST(CompileReport, SaysWhatCompilingCost) {
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<Function> f = CompileSmall("none");
  const int64_t wall = std::chrono::duration_cast<std::chrono::nanoseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count();
  ASSERT_TRUE(f.ok()) << f.status();
  const CompileReport r = f->compile_report();
  EXPECT_EQ(r.source, "compiled");
  EXPECT_GT(r.total_ns, 0);
  EXPECT_LE(r.total_ns, wall);
  EXPECT_EQ(r.made_ns, r.total_ns);
  ExpectAddsUp(r);
  ASSERT_FALSE(r.made.kernels.empty());
  for (const CompileCosts::Kernel& kernel : r.made.kernels) {
    EXPECT_FALSE(kernel.from_cache) << kernel.name;
    EXPECT_GT(kernel.llvm_ns, 0) << kernel.name;
    EXPECT_GT(kernel.codegen_ns, 0) << kernel.name;
    EXPECT_GT(kernel.lowering_ns, 0) << kernel.name;
    EXPECT_GT(kernel.code_bytes, 0) << kernel.name;
    int64_t bytes = 0;
    for (int64_t each : kernel.node_bytes) bytes += each;
    EXPECT_GT(bytes, 0) << kernel.name;
    EXPECT_LE(bytes, kernel.code_bytes) << kernel.name;
  }
  // The product 'y' has code of its own.
  bool found = false;
  for (const CompileReport::NodeRow& row : r.nodes) {
    if (row.node.name != "y") continue;
    found = true;
    EXPECT_GT(row.code_bytes, 0);
    EXPECT_GT(row.kernel_ns, 0);
    EXPECT_GE(row.ns, row.kernel_ns);
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(r.text(), ::testing::AllOf(HasSubstr("Phase\n---"), HasSubstr("oriel-fuse-kernels"),
                                         HasSubstr("Kernel\n---"), HasSubstr("mul 'y' at jit_test.cpp:")));
  EXPECT_THAT(r.json(), HasSubstr("\"pass\":\"oriel-simplify\""));
}

// However many nodes share a piece of code, all its bytes are some node's.
TEST(CompileReport, SharedCodeIsSharedOutToTheByte) {
  const auto kernels = [](int length) {
    const Value x = input("x", DType::f32, {8, 8});
    Value v = x;
    for (int k = 0; k < length; ++k) v = dot(v, x);
    CompileOptions options;
    options.cache_dir = "none";
    absl::StatusOr<Function> f = compile({x}, {v}, {}, options);
    EXPECT_TRUE(f.ok()) << f.status();
    return f.ok() ? f->compile_report().made.kernels : std::vector<CompileCosts::Kernel>();
  };
  const std::vector<CompileCosts::Kernel> few = kernels(3), many = kernels(203);
  ASSERT_FALSE(few.empty());
  ASSERT_EQ(many.size(), few.size());
  size_t most = 0;
  for (size_t i = 0; i < few.size(); ++i) {
    ASSERT_EQ(many[i].code_bytes, few[i].code_bytes);
    most = std::max(most, many[i].nodes.size());
    const auto sum = [](const std::vector<int64_t>& bytes) { return std::accumulate(bytes.begin(), bytes.end(), int64_t{0}); };
    EXPECT_GT(sum(few[i].node_bytes), 0);
    EXPECT_EQ(sum(many[i].node_bytes), sum(few[i].node_bytes));
  }
  EXPECT_GT(most, 200u);
}

TEST(CompileReport, ACacheDoesNotHideWhatCompilingCosts) {
  Folder folder;
  absl::StatusOr<Function> first = CompileSmall(folder.path());
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<Function> again = CompileSmall(folder.path());
  ASSERT_TRUE(again.ok()) << again.status();
  const CompileReport made = first->compile_report(), r = again->compile_report();
  EXPECT_EQ(r.source, "program cache");
  ExpectAddsUp(r);
  for (const auto& [phase, ns] : r.phases) EXPECT_NE(phase, "codegen");
  EXPECT_EQ(r.made.phases, made.made.phases);
  EXPECT_EQ(r.made_ns, SumOf(made.made.phases));
  EXPECT_THAT(r.text(), HasSubstr("When it was compiled"));

  // The program anew, from known kernels: each says what it cost once.
  for (const fs::path& entry : folder.Entries("program")) fs::remove(entry);
  absl::StatusOr<Function> kernels = CompileSmall(folder.path());
  ASSERT_TRUE(kernels.ok()) << kernels.status();
  const CompileReport k = kernels->compile_report();
  EXPECT_EQ(k.source, "compiled");
  ExpectAddsUp(k);
  ASSERT_EQ(k.made.kernels.size(), made.made.kernels.size());
  for (size_t i = 0; i < k.made.kernels.size(); ++i) {
    EXPECT_TRUE(k.made.kernels[i].from_cache);
    EXPECT_EQ(k.made.kernels[i].llvm_ns, made.made.kernels[i].llvm_ns);
    EXPECT_EQ(k.made.kernels[i].thread_ns(), k.made.kernels[i].cache_ns);
    EXPECT_EQ(k.made.kernels[i].code_bytes, made.made.kernels[i].code_bytes);
  }

  const std::string file = folder.path() + "/small.oriel";
  ASSERT_TRUE(first->Export(file).ok());
  absl::StatusOr<Function> loaded = Function::Load(file);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const CompileReport l = loaded->compile_report();
  EXPECT_EQ(l.source, "file");
  ExpectAddsUp(l);
  EXPECT_EQ(l.made.phases, made.made.phases);
}

TEST(Jit, WithoutFusionEveryNodeIsAKernelWithTheSameBits) {
  absl::StatusOr<Function> fused = CompileSmall("none"),
                           apart = CompileSmall("none", false);
  ASSERT_TRUE(fused.ok() && apart.ok());
  EXPECT_GT(apart->compile_info().kernels, fused->compile_info().kernels);
  Tensor x = Tensor::Normal({300, 8}, 4);
  auto a = (*fused)({x}), b = (*apart)({x});
  ASSERT_TRUE(a.ok() && b.ok());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(BitEqual((*a)[i], (*b)[i])) << i;
}

TEST(Jit, SeveralThreadsCompileAtOnce) {
  Folder cache;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        absl::StatusOr<Function> f = CompileSmall(cache.path(), i % 2 == 0);
        ASSERT_TRUE(f.ok()) << f.status();
        ExpectRight(*f);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProgramCache, AHitLoadsNoCompiler) {
  Folder cache;
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_Compiles", cache.path())), 0);
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_HitsWithoutCompiler", cache.path())),
            0);
}

TEST(Child, DISABLED_Compiles) {
  absl::StatusOr<Function> f = CompileSmall(ChildCache());
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectRight(*f);
  // Every child compiles in a folder others may be writing to.
  EXPECT_TRUE(f->compile_info().source == "compiled" ||
              f->compile_info().source == "program cache");
}

TEST(Child, DISABLED_HitsWithoutCompiler) {
  absl::StatusOr<Function> f = CompileSmall(ChildCache());
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->compile_info().source, "program cache");
  ExpectRight(*f);
  EXPECT_FALSE(IsMapped("liboriel_compiler"));
  EXPECT_FALSE(IsMapped("LLVM"));
  // The compiler is there when something new comes.
  Value z = input("z", DType::f32, {3});
  absl::StatusOr<Function> g =
      compile({z}, {z - 1.0}, {}, {.cache_dir = "none"});
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_TRUE(IsMapped("liboriel_compiler"));
}

TEST(ProgramCache, ManyProcessesWriteAtOnce) {
  Folder cache;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i)
    children.push_back(Spawn("Child.DISABLED_Compiles", cache.path()));
  for (pid_t child : children) EXPECT_EQ(ExitCode(child), 0);
  EXPECT_EQ(cache.Entries("program").size(), 1u);
  // No temporary file is left.
  for (const auto& entry : fs::directory_iterator(cache.path())) {
    EXPECT_THAT(entry.path().filename().string(),
                ::testing::AnyOf(::testing::StartsWith("program-"),
                                 ::testing::StartsWith("kernel-")));
  }
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_HitsWithoutCompiler", cache.path())),
            0);
}

TEST(ProgramCache, DamagedEntriesAreMadeAgain) {
  for (const char* kind : {"program", "kernel"}) {
    for (const char* damage : {"cut", "flip", "empty", "garbage"}) {
      SCOPED_TRACE(std::string(kind) + " " + damage);
      Folder cache;
      ASSERT_TRUE(CompileSmall(cache.path()).ok());
      for (const fs::path& path : cache.Entries(kind)) {
        const auto size = fs::file_size(path);
        if (std::string(damage) == "cut") {
          fs::resize_file(path, size / 2);
        } else if (std::string(damage) == "empty") {
          fs::resize_file(path, 0);
        } else {
          std::fstream file(path,
                            std::ios::in | std::ios::out | std::ios::binary);
          std::string bytes((std::istreambuf_iterator<char>(file)), {});
          if (std::string(damage) == "flip") bytes[bytes.size() / 3] ^= 0x10;
          if (std::string(damage) == "garbage")
            std::fill(bytes.begin(), bytes.end(), 'g');
          file.seekp(0);
          file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        }
      }
      if (std::string(kind) == "kernel") {
        for (const fs::path& path : cache.Entries("program")) fs::remove(path);
      }
      absl::StatusOr<Function> f = CompileSmall(cache.path());
      ASSERT_TRUE(f.ok()) << f.status();
      EXPECT_EQ(f->compile_info().source, "compiled");
      ExpectRight(*f);
      absl::StatusOr<Function> again = CompileSmall(cache.path());
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->compile_info().source, "program cache");
      ExpectRight(*again);
    }
  }
}

TEST(ProgramCache, AnotherLineIsAnotherProgramOfTheSameKernels) {
  Folder cache;
  Value x = input("x", DType::f32, {4});
  Value a = exp(x * 0.0) + x;
  const int line_a = __LINE__ - 1;
  absl::StatusOr<Function> f =
      compile({x}, {a}, {}, {.cache_dir = cache.path()});
  Value b = exp(x * 0.0) + x;
  const int line_b = __LINE__ - 1;
  absl::StatusOr<Function> g =
      compile({x}, {b}, {}, {.cache_dir = cache.path()});
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE(g.ok()) << g.status();
  EXPECT_EQ(g->compile_info().source, "compiled");
  EXPECT_GE(g->compile_info().kernels, 1);
  EXPECT_EQ(g->compile_info().kernels_from_cache, g->compile_info().kernels);
  auto line_of = [](const Function& function) {
    for (const NodeInfo& node : function.nodes().nodes()) {
      if (node.op == "exp") return node.line;
    }
    return -1;
  };
  EXPECT_EQ(line_of(*f), line_a);
  EXPECT_EQ(line_of(*g), line_b);
}

TEST(ProgramCache, OptionsAndNamesAreOtherPrograms) {
  Folder cache;
  ASSERT_TRUE(CompileSmall(cache.path(), true).ok());
  absl::StatusOr<Function> f = CompileSmall(cache.path(), false);
  ASSERT_TRUE(f.ok());
  EXPECT_EQ(f->compile_info().source, "compiled");
}

TEST(ProgramCache, AFolderOthersMayWriteIsNotUsed) {
  Folder cache;
  ASSERT_EQ(chmod(cache.path().c_str(), 0777), 0);
  absl::StatusOr<Function> f = CompileSmall(cache.path());
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectRight(*f);
  EXPECT_TRUE(fs::is_empty(cache.path()));
  EXPECT_THAT(f->compile_info().remarks,
              ::testing::Contains(HasSubstr("nothing is cached")));
}

TEST(ProgramCache, AFolderThatCannotBeMadeIsNotUsed) {
  absl::StatusOr<Function> f = CompileSmall("/proc/no/such/folder");
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectRight(*f);
  EXPECT_THAT(f->compile_info().remarks,
              ::testing::Contains(HasSubstr("nothing is cached")));
}

TEST(Program, ExportAndLoadRunsTheSame) {
  Folder folder;
  const std::string path = folder.path() + "/small.oriel";
  absl::StatusOr<Function> f = CompileSmall("none");
  ASSERT_TRUE(f.ok()) << f.status();
  ASSERT_TRUE(f->Export(path).ok());
  absl::StatusOr<Function> loaded = Function::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->compile_info().source, "file");
  EXPECT_EQ(loaded->input_names(), f->input_names());
  EXPECT_EQ(loaded->input_dtypes(), f->input_dtypes());
  ExpectRight(*loaded);
}

TEST(Text, StatesStartFromTheirDeclaredValue) {
  absl::StatusOr<Function> f = CompileText(R"mlir(
    oriel.state @total : tensor<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>
    func.func @step(%x: tensor<2xf32> {oriel.name = "x"}) -> (tensor<2xf32> {oriel.name = "old"}) {
      %0 = oriel.state_read @total : tensor<2xf32>
      %1 = oriel.add %0, %x : tensor<2xf32>
      oriel.state_update @total, %1 : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
  )mlir",
                                           {.cache_dir = "none"});
  ASSERT_TRUE(f.ok()) << f.status();
  EXPECT_EQ(f->name(), "step");
  ASSERT_EQ(f->states().size(), 1u);
  for (float expected : {1.0f, 11.0f, 21.0f}) {
    absl::StatusOr<std::vector<Tensor>> out = (*f)({Tensor::Full({2}, 10)});
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ((*out)[0].data<float>()[0], expected);
  }
  EXPECT_EQ(f->states()[0].value().data<float>()[1], 32.0f);
}

// The sums of a long contraction wait in several blocks before the epilogue, so
// that a state written in place by it is not read too late.
TEST(State, AGradientStepIsWrittenInPlace) {
  for (int64_t n : {1, 5, 255, 257, 700}) {
    SCOPED_TRACE(n);
    State w = state("w", Tensor::Normal({24, 20}, 1));
    Tensor before = w.value();
    Value x = input("x", DType::f32, {dyn("n"), 24}),
          g = input("g", DType::f32, {dyn("n"), 20});
    std::vector<Update> updates = {{w, w - 0.5 * dot(transpose(x), g)}};
    std::vector<Tensor> arguments = {Tensor::Normal({n, 24}, 2),
                                     Tensor::Normal({n, 20}, 3)};
    absl::StatusOr<std::vector<Tensor>> expected =
        Evaluate({x, g}, {}, updates, arguments);
    ASSERT_TRUE(expected.ok()) << expected.status();
    absl::StatusOr<Function> f =
        compile({x, g}, {}, updates, {.cache_dir = "none"});
    ASSERT_TRUE(f.ok()) << f.status();
    EXPECT_THAT(
        f->compile_info().remarks,
        ::testing::Not(::testing::Contains(HasSubstr("second buffer"))));
    ASSERT_TRUE((*f)(absl::MakeConstSpan(arguments)).ok());
    Tensor after = w.value();
    for (int64_t i = 0; i < after.size(); ++i) {
      ASSERT_NEAR(after.data<float>()[i], (*expected)[0].data<float>()[i], 1e-3)
          << i;
    }
    EXPECT_FALSE(BitEqual(before, after));
  }
}

TEST(Text, ErrorsNameTheLine) {
  absl::StatusOr<Function> f = CompileText(
      "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
      "  %0 = oriel.nonsense %x : tensor<4xf32>\n"
      "  return %0 : tensor<4xf32>\n}\n",
      {.cache_dir = "none"});
  EXPECT_EQ(f.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(f.status().message()), HasSubstr(":2: "));
  EXPECT_THAT(std::string(f.status().message()), HasSubstr("nonsense"));
  std::string deep = "func.func @f() attributes {a = ";
  for (int i = 0; i < 100000; ++i) deep += "[";
  EXPECT_EQ(CompileText(deep, {.cache_dir = "none"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CompilerLibrary, HasTheBuildIdThatWasRead) {
  absl::StatusOr<jit::CompilerFile> file = jit::FindCompiler();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_GE(file->build_id.size(), 16u);
  absl::StatusOr<std::string> own = jit::ReadBuildId("/proc/self/exe");
  if (own.ok())
    EXPECT_EQ(*own,
              jit::LoadedBuildId(reinterpret_cast<const void*>(&IsMapped)));
  EXPECT_EQ(jit::ReadBuildId("/no/such/file").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(jit::ReadBuildId("/proc/self/cmdline").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(CompilerLibrary, ExportsOneSymbol) {
  absl::StatusOr<jit::CompilerFile> file = jit::FindCompiler();
  ASSERT_TRUE(file.ok()) << file.status();
  std::string command = "nm -D --defined-only '" + file->path + "'";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::vector<std::string> symbols;
  char line[512];
  while (fgets(line, sizeof line, pipe) != nullptr) symbols.push_back(line);
  ASSERT_EQ(pclose(pipe), 0);
  ASSERT_EQ(symbols.size(), 1u);
  EXPECT_THAT(symbols[0], HasSubstr("oriel_compiler_entry"));
}

TEST(CompilerLibrary, AMissingOrWrongLibraryIsSaid) {
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_NoCompiler", "none",
                           {"ORIEL_COMPILER_LIBRARY=/no/such/lib.so"})),
            0);
  Dl_info libc;
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&waitpid), &libc), 0);
  EXPECT_EQ(ExitCode(Spawn(
                "Child.DISABLED_WrongCompiler", "none",
                {std::string("ORIEL_COMPILER_LIBRARY=") + libc.dli_fname})),
            0);
}

TEST(Child, DISABLED_NoCompiler) {
  absl::Status status = CompileSmall("none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/lib.so"));
}

TEST(Child, DISABLED_WrongCompiler) {
  absl::Status status = CompileSmall("none").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not Oriel's compiler"));
}

TEST(CompilerLibrary, WorksBesideAnotherLLVM) {
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_OtherLlvmFirst", "none")), 0);
  EXPECT_EQ(ExitCode(Spawn("Child.DISABLED_OtherLlvmAfter", "none")), 0);
}

// The packages' shared LLVM and MLIR of the same version: the worst neighbours.
bool LoadOtherLlvm() {
  bool all = true;
  for (const char* name : {ORIEL_TEST_LLVM_LIBDIR "/libLLVM.so",
                           ORIEL_TEST_LLVM_LIBDIR "/libMLIR.so"}) {
    all &= dlopen(name, RTLD_NOW | RTLD_GLOBAL) != nullptr;
  }
  return all;
}

TEST(Child, DISABLED_OtherLlvmFirst) {
  if (!LoadOtherLlvm()) GTEST_SKIP() << dlerror();
  absl::StatusOr<Function> f = CompileSmall("none");
  ASSERT_TRUE(f.ok()) << f.status();
  ExpectRight(*f);
}

TEST(Child, DISABLED_OtherLlvmAfter) {
  absl::StatusOr<Function> f = CompileSmall("none");
  ASSERT_TRUE(f.ok()) << f.status();
  if (!LoadOtherLlvm()) GTEST_SKIP() << dlerror();
  absl::StatusOr<Function> g = CompileSmall("none", false);
  ASSERT_TRUE(g.ok()) << g.status();
  ExpectRight(*f);
  ExpectRight(*g);
}

TEST(Image, NoPageIsWritableAndExecutable) {
  absl::StatusOr<Function> f = CompileSmall("none");
  Folder cache;
  absl::StatusOr<Function> g = CompileSmall(cache.path());
  ASSERT_TRUE(f.ok() && g.ok());
  ExpectRight(*f);
  ExpectRight(*g);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    EXPECT_THAT(line, ::testing::Not(HasSubstr(" rwx"))) << line;
  }
}

}  // namespace
}  // namespace oriel
