#include "runtime/core/strided_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/core/walk.h"

namespace oriel {
namespace {

// A random view of a random buffer: strides of both signs, steps, zeros, axes
// in any order, nothing aligned.
struct View {
  Extents shape;
  std::vector<int64_t> strides;
  std::vector<char> memory;
  int64_t offset = 0;  // of element 0, ..., 0
};

View RandomView(std::mt19937& random, const Extents& shape, size_t element) {
  auto pick = [&](int64_t below) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(below));
  };
  View v;
  v.shape = shape;
  v.strides.assign(shape.size(), 0);
  std::vector<size_t> order(shape.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  int64_t stride = static_cast<int64_t>(element), low = 0, high = 0;
  for (size_t axis : order) {
    const int64_t step = pick(4) == 0 ? 1 + pick(3) : 1;
    if (pick(8) == 0) continue;  // broadcast
    v.strides[axis] = stride * step * (pick(4) == 0 ? -1 : 1);
    stride *= step * shape[axis];
    stride += pick(4) == 0 ? pick(3) * static_cast<int64_t>(element) : 0;
    const int64_t reach = v.strides[axis] * (shape[axis] - 1);
    (reach < 0 ? low : high) += reach;
  }
  const int64_t unaligned = pick(3) == 0 ? 1 : 0;
  v.memory.resize(static_cast<size_t>(high - low + unaligned) + element);
  for (char& c : v.memory) c = static_cast<char>(random());
  v.offset = unaligned - low;
  return v;
}

std::vector<char> OneByOne(const View& v, size_t element) {
  std::vector<char> out;
  ForEachRow(v.memory.data() + v.offset, v.shape, v.strides,
             [&](const char* row, int64_t n, int64_t stride) {
               for (int64_t i = 0; i < n; ++i)
                 out.insert(out.end(), row + i * stride,
                            row + i * stride + element);
             });
  return out;
}

TEST(StridedCopy, CopiesEveryLayoutAsOneElementAfterTheOther) {
  std::mt19937 random(7);
  for (int round = 0; round < 600; ++round) {
    const size_t element = size_t{1} << (random() % 4);
    Extents shape(random() % 5);
    for (int64_t& e : shape)
      e = 1 + static_cast<int64_t>(random() % (shape.size() > 2 ? 9 : 150));
    const View v = RandomView(random, shape, element);
    const std::vector<char> expected = OneByOne(v, element);
    std::vector<char> out(expected.size() + 8, 'x');
    CopyStrided(v.memory.data() + v.offset, v.strides, out.data(), v.shape,
                element);
    ASSERT_EQ(std::memcmp(out.data(), expected.data(), expected.size()), 0)
        << "round " << round;
    ASSERT_EQ(out[expected.size()], 'x');
  }
}

TEST(StridedCopy, PartsAreTheWholeInAnyOrder) {
  std::mt19937 random(8);
  for (int round = 0; round < 100; ++round) {
    const size_t element = size_t{1} << (random() % 4);
    Extents shape(1 + random() % 3);
    for (int64_t& e : shape)
      e = 1 + static_cast<int64_t>(random() % (shape.size() > 2 ? 20 : 400));
    const View v = RandomView(random, shape, element);
    const std::vector<char> expected = OneByOne(v, element);
    std::vector<char> out(expected.size());
    const StridedCopy copy(v.memory.data() + v.offset, v.strides, out.data(),
                           v.shape, element);
    ASSERT_GT(copy.parts(), 0);
    for (int64_t part = copy.parts(); part-- > 0;) copy.Run(part, part + 1);
    ASSERT_EQ(out, expected) << "round " << round;
  }
}

TEST(StridedCopy, NothingOfNoElements) {
  char c = 'x';
  const StridedCopy copy(&c, {8, 4, 4}, &c, {3, 0, 2}, 4);
  EXPECT_EQ(copy.parts(), 0);
  EXPECT_EQ(copy.part_bytes(), 0);
  copy.Run(0, 0);
  EXPECT_EQ(c, 'x');
}

}  // namespace
}  // namespace oriel
