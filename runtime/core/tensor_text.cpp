// File: tensor_text.cpp
//
// Tensor::ToString: the layout of NumPy's str(): shortest digits that read back
// (at most 8 after the point), columns aligned, more than 1000 elements elided.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <string>

#include "oriel/tensor.h"
#include "runtime/core/convert.h"

namespace oriel {
namespace {

constexpr int64_t kSummarizeOver = 1000, kEdge = 3;
constexpr size_t kLineWidth = 75;
constexpr int kPrecision = 8;

// The shortest text of a float, split at its point: "-12", "5" (no exponent)
// or with the exponent's digits in `exponent`.
struct Digits {
  std::string whole, fraction, exponent;
};

template <typename T>
Digits Shortest(T value, bool scientific) {
  // Fixed form of the largest double needs 309 digits.
  char buffer[400];
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  std::string text(buffer, end);
  Digits out;
  const auto split = [&] {
    const size_t e = scientific ? text.find('e') : std::string::npos;
    out.exponent = e == std::string::npos ? "" : text.substr(e);
    text.resize(std::min(e, text.size()));
    const size_t point = text.find('.');
    out.whole = text.substr(0, point);
    out.fraction = point == std::string::npos ? "" : text.substr(point + 1);
  };
  split();
  if (out.fraction.size() > kPrecision) {
    end = std::to_chars(buffer, buffer + sizeof buffer, value, format, kPrecision).ptr;
    text.assign(buffer, end);
    split();
    while (!out.fraction.empty() && out.fraction.back() == '0') out.fraction.pop_back();
  }
  return out;
}

// Formats all shown elements of a float tensor alike.
template <typename T>
std::vector<std::string> FormatFloats(const std::vector<T>& values) {
  double smallest = INFINITY, largest = 0;
  for (T v : values) {
    if (!std::isfinite(v) || v == 0) continue;
    smallest = std::min(smallest, std::fabs(static_cast<double>(v)));
    largest = std::max(largest, std::fabs(static_cast<double>(v)));
  }
  const bool scientific = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1000));
  std::vector<Digits> digits;
  size_t fraction = 0, whole = 0;
  for (T v : values) {
    digits.push_back(std::isfinite(v) ? Shortest(v, scientific) : Digits());
    fraction = std::max(fraction, digits.back().fraction.size());
    whole = std::max(whole, digits.back().whole.size());
  }
  std::vector<std::string> out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      out.push_back("nan");
    } else if (std::isinf(values[i])) {
      out.push_back(values[i] < 0 ? "-inf" : "inf");
    } else {
      // Columns align at the point; zeros fill scientific mantissas.
      std::string f = digits[i].fraction;
      f.resize(fraction, scientific ? '0' : ' ');
      out.push_back(digits[i].whole + "." + f + digits[i].exponent);
    }
  }
  return out;
}

// Which indices of an axis are shown: all, or the edges around a gap (-1).
std::vector<int64_t> Shown(int64_t n, bool elide) {
  std::vector<int64_t> out;
  if (elide && n > 2 * kEdge) {
    for (int64_t i = 0; i < kEdge; ++i) out.push_back(i);
    out.push_back(-1);
    for (int64_t i = n - kEdge; i < n; ++i) out.push_back(i);
  } else {
    for (int64_t i = 0; i < n; ++i) out.push_back(i);
  }
  return out;
}

// Visits shown elements in order.
void Visit(const Tensor& t, bool elide, Extents* index, const std::function<void()>& element) {
  const size_t axis = index->size();
  if (axis == t.shape().size()) return element();
  for (int64_t i : Shown(t.shape()[axis], elide)) {
    if (i < 0) continue;
    index->push_back(i);
    Visit(t, elide, index, element);
    index->pop_back();
  }
}

class Layout {
 public:
  Layout(const Tensor& t, bool elide, const std::vector<std::string>& texts) : t_(t), elide_(elide), texts_(texts) {}

  std::string Run() {
    Axis(0);
    return out_;
  }

 private:
  void Axis(size_t axis) {
    out_ += '[';
    const bool last = axis + 1 == t_.shape().size();
    bool first = true;
    for (int64_t i : Shown(t_.shape()[axis], elide_)) {
      if (last) {
        const std::string item = i < 0 ? "..." : texts_[next_++];
        const size_t column = out_.size() - (out_.rfind('\n') == std::string::npos ? 0 : out_.rfind('\n') + 1);
        if (!first && column + 1 + item.size() + 1 > kLineWidth) {
          out_ += "\n" + std::string(axis + 1, ' ');
        } else if (!first) {
          out_ += ' ';
        }
        out_ += item;
      } else {
        // As many newlines as axes below, so that blocks are set apart.
        if (!first) out_ += std::string(t_.shape().size() - axis - 1, '\n') + std::string(axis + 1, ' ');
        if (i < 0) {
          out_ += "...";
        } else {
          Axis(axis + 1);
        }
      }
      first = false;
    }
    out_ += ']';
  }

  const Tensor& t_;
  bool elide_;
  const std::vector<std::string>& texts_;
  size_t next_ = 0;
  std::string out_;
};

}  // namespace

std::string Tensor::ToString() const {
  if (size() == 0) return shape().size() == 1 ? "[]" : "[] of shape " + oriel::ToString(shape());
  const bool elide = size() > kSummarizeOver;
  std::vector<std::string> texts;
  Extents index;
  VisitDType(dtype_, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      Visit(*this, elide, &index, [&] { texts.push_back(ElementAsInt(index) != 0 ? "True" : "False"); });
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      Visit(*this, elide, &index,
            [&] { texts.push_back(std::to_string(static_cast<uint64_t>(ElementAsInt(index)))); });
    } else if constexpr (std::is_integral_v<T>) {
      Visit(*this, elide, &index, [&] { texts.push_back(std::to_string(ElementAsInt(index))); });
    } else if constexpr (std::is_same_v<T, double>) {
      std::vector<double> values;
      Visit(*this, elide, &index, [&] { values.push_back(ElementAsDouble(index)); });
      texts = FormatFloats(values);
    } else {
      std::vector<float> values;
      Visit(*this, elide, &index, [&] { values.push_back(static_cast<float>(ElementAsDouble(index))); });
      texts = FormatFloats(values);
    }
  });
  size_t width = 0;
  for (const std::string& s : texts) width = std::max(width, s.size());
  if (shape().empty()) {
    std::string s = texts[0];
    if (IsFloat(dtype_) && !s.empty() && s.back() == '.') s += "0";  // as a Python float
    return s;
  }
  for (std::string& s : texts) s.insert(0, width - s.size(), ' ');
  return Layout(*this, elide, texts).Run();
}

}  // namespace oriel
