// Packing: what comes out runs wherever it is mapped, and what cannot is
// refused.
#include "runtime/jit/compiler/pack_objects.h"

#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/engine/image.h"

namespace oriel::jit {
namespace {

using ::testing::HasSubstr;

std::string Object(const std::string& name) {
  std::ifstream file(ORIEL_TEST_OBJECTS "/" + name + ".o", std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<PackedCode> Pack(const std::vector<std::string>& names) {
  std::vector<std::string> bytes;
  for (const std::string& name : names) bytes.push_back(Object(name));
  std::vector<PackInput> inputs;
  for (size_t i = 0; i < names.size(); ++i)
    inputs.push_back({names[i], bytes[i]});
  return PackObjects(inputs);
}

const PackedSymbol* Find(const PackedCode& code, const std::string& name) {
  for (const PackedSymbol& symbol : code.symbols) {
    if (symbol.name == name) return &symbol;
  }
  return nullptr;
}

TEST(PackObjects, RunsWhereverItIsMapped) {
  absl::StatusOr<PackedCode> code = Pack({"good", "other"});
  ASSERT_TRUE(code.ok()) << code.status();
  const ImageLayout layout =
      LayOutImage(code->text.size(), code->rodata.size());
  const size_t size = layout.eh_frame + code->eh_frame.size() + 4096;
  const PackedSymbol* good = Find(*code, "good_entry");
  const PackedSymbol* other = Find(*code, "other_entry");
  ASSERT_TRUE(good != nullptr && other != nullptr);
  EXPECT_TRUE(good->is_global);
  EXPECT_EQ(good->object, 0);
  EXPECT_EQ(other->object, 1);
  EXPECT_EQ(other->offset % 64, 0u);
  for (int time = 0; time < 2; ++time) {
    char* base = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(base, MAP_FAILED);
    std::memcpy(base + layout.text, code->text.data(), code->text.size());
    std::memcpy(base + layout.rodata, code->rodata.data(), code->rodata.size());
    ASSERT_EQ(mprotect(base, size, PROT_READ | PROT_EXEC), 0);
    auto run = reinterpret_cast<double (*)(double, int)>(base + layout.text +
                                                         good->offset);
    EXPECT_EQ(run(2.0, 0), 5.125);
    EXPECT_EQ(run(2.0, 2), 0.5);
    EXPECT_EQ(run(2.0, 4), 5.125 * 2.5 + 0.125);
    EXPECT_EQ(run(2.0, 99), 0.0);
    auto run_other = reinterpret_cast<double (*)(double)>(base + layout.text +
                                                          other->offset);
    EXPECT_EQ(run_other(2.0), 0.75);
    // Not unmapped: the second mapping must come out elsewhere.
  }
}

TEST(PackObjects, UnwindTablesOfAllObjectsAreOneTable) {
  absl::StatusOr<PackedCode> one = Pack({"good"}),
                             two = Pack({"good", "other"});
  ASSERT_TRUE(one.ok() && two.ok());
  ASSERT_GT(one->eh_frame.size(), 8u);
  ASSERT_GT(two->eh_frame.size(), one->eh_frame.size());
  // Records follow one another without a zero length, which would end the
  // table.
  for (size_t at = 0; at < two->eh_frame.size();) {
    uint32_t length;
    ASSERT_LE(at + 4, two->eh_frame.size());
    std::memcpy(&length, two->eh_frame.data() + at, 4);
    ASSERT_NE(length, 0u) << "at " << at;
    at += 4 + length;
    ASSERT_LE(at, two->eh_frame.size());
  }
}

TEST(PackObjects, SameInputsSameBytes) {
  absl::StatusOr<PackedCode> a = Pack({"good", "other"}),
                             b = Pack({"good", "other"});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->text, b->text);
  EXPECT_EQ(a->rodata, b->rodata);
  EXPECT_EQ(a->eh_frame, b->eh_frame);
}

TEST(PackObjects, RefusesWhatDependsOnItsAddressOrOnOthers) {
  for (auto [name, why] :
       {std::pair<const char*, const char*>{"data", "writable data"},
        {"undefined", "needs symbols from elsewhere: elsewhere"},
        {"absolute", "required relative ones only"}}) {
    SCOPED_TRACE(name);
    absl::StatusOr<PackedCode> code = Pack({"good", name});
    ASSERT_FALSE(code.ok());
    EXPECT_THAT(std::string(code.status().message()), HasSubstr(why));
    EXPECT_THAT(std::string(code.status().message()), HasSubstr(name));
  }
  std::string garbage = "not an object";
  EXPECT_FALSE(PackObjects({{"garbage", garbage}}).ok());
}

TEST(PackObjects, NothingIsNothing) {
  absl::StatusOr<PackedCode> code = PackObjects({});
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_TRUE(code->text.empty() && code->rodata.empty() &&
              code->symbols.empty());
}

}  // namespace
}  // namespace oriel::jit
