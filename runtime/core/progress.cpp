// File: progress.cpp
#include <algorithm>
#include <cstdio>

#include "oriel/printing.h"

namespace oriel {
namespace {

// "1.2s", "3m20s", "2h05m".
std::string Duration(double seconds) {
  char text[40];
  const long whole = static_cast<long>(std::min(seconds, 1e9) + 0.5);
  if (seconds < 60) std::snprintf(text, sizeof text, "%.1fs", seconds);
  else if (whole < 3600) std::snprintf(text, sizeof text, "%ldm%02lds", whole / 60, whole % 60);
  else std::snprintf(text, sizeof text, "%ldh%02ldm", whole / 3600, whole % 3600 / 60);
  return text;
}

}  // namespace

std::string ProgressText(int64_t done, int64_t total, double seconds, const std::string& message, int width) {
  total = std::max<int64_t>(total, 1);
  done = std::clamp<int64_t>(done, 0, total);
  width = std::clamp(width, 1, 1000);
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const int filled = static_cast<int>(share * width);
  std::string bar(static_cast<size_t>(filled), '=');
  if (filled < width) bar += '>';
  bar.resize(static_cast<size_t>(width), '.');
  const std::string count = std::to_string(total);
  std::string number = std::to_string(done);
  number.insert(0, count.size() - number.size(), ' ');
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d%%", static_cast<int>(share * 100));
  std::string text = " " + number + "/" + count + " [" + bar + "] " + percent + "  " + Duration(seconds);
  if (done > 0 && done < total) text += ", " + Duration(seconds * (1 - share) / share) + " left";
  return message.empty() ? text : text + "  " + message;
}

}  // namespace oriel
