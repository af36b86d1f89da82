// File: picture.cpp
//
// WritePicture: Graphviz's `dot` as a child process, without a shell.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oriel/printing.h"
#include "runtime/core/file.h"
#include "runtime/core/status.h"

extern char** environ;

namespace oriel {
namespace {

// What `argv` says on stdout and stderr, at most 4 kB; its exit status in *exit.
absl::Status Run(const std::vector<std::string>& argv, int* exit, std::string* said) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(argv[0], "cannot run", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    if (error == ENOENT) return absl::NotFoundError("the program `dot` is not installed: it comes with the package graphviz");
    return ErrnoStatus(argv[0], "cannot run", error);
  }
  char buffer[1024];
  ssize_t got = 0;
  while ((got = read(ends[0], buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)) {
    if (got > 0 && said->size() < 4096) said->append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  *exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return absl::OkStatus();
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

absl::Status WritePicture(const std::string& dot, const std::string& path) {
  if (EndsWith(path, ".dot") || EndsWith(path, ".gv")) return WriteFileAtomically(path, dot);
  std::string type;
  for (const char* known : {"svg", "png", "pdf"}) {
    if (EndsWith(path, std::string(".") + known)) type = known;
  }
  if (type.empty()) return absl::InvalidArgumentError(path + ": a picture's name ends in .svg, .png, .pdf, .dot or .gv");
  return WriteFileAtomically(path, [&](const std::string& temporary) -> absl::Status {
    // Graphviz reads and writes files of our naming: nothing of the graph is
    // ever part of the command.
    const std::string source = temporary + ".gv";
    ORIEL_RETURN_IF_ERROR(WriteFileAtomically(source, dot));
    // A name that begins with a dash would be an option.
    const std::string argument = source[0] == '-' ? "./" + source : source;
    int exit = 0;
    std::string said;
    const absl::Status ran = Run({"dot", "-T" + type, "-o" + temporary, argument}, &exit, &said);
    unlink(source.c_str());
    if (!ran.ok()) return Prefixed(ran, path);
    if (exit != 0) return absl::InvalidArgumentError(path + ": dot ended with status " + std::to_string(exit) + ": " + said.substr(0, said.find('\n')));
    return absl::OkStatus();
  });
}

}  // namespace oriel
