// SPDX-License-Identifier: GPL-2.0-only
// Children and files that lines come from, read without ever waiting.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace drbd::mon {

// A descriptor that is closed with the object.
class Fd {
public:
	Fd() = default;
	explicit Fd(int fd) : fd(fd) {}
	Fd(Fd &&other) noexcept : fd(other.release()) {}
	Fd &operator=(Fd &&other) noexcept;
	~Fd() { reset(); }

	int get() const { return fd; }
	explicit operator bool() const { return fd >= 0; }
	void reset();
	int release();
private:
	int fd = -1;
};

// Bytes to lines; what exceeds a line's limit is dropped, and the line counts as strange.
class LineSplitter {
public:
	void add(std::string_view bytes, const std::function<void(std::string_view)> &line);
private:
	std::string partial;
};

// A child with its three streams.
class Process {
public:
	enum class Input { none, pipe };

	// Throws Error (exit 20) if it cannot be started.
	Process(const std::vector<std::string> &argv, Input input);
	// Whoever is still there when the object goes gets SIGTERM, unless detached.
	~Process();
	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;

	int out() const { return output.get(); }	// -1 after its end
	int err() const { return errors.get(); }

	// What can be read now; empty: nothing.  Closes the stream at its end.
	std::string read_out() { return read_from(output); }
	std::string read_err() { return read_from(errors); }

	// To its standard input; what does not fit is lost.
	void write(std::string_view text);

	// 0 ... 255 exit code, negative: killed by that signal; nothing while it runs.
	std::optional<int> status();

	// It may go on without us.
	void detach() { pid = -1; }

private:
	static std::string read_from(Fd &fd);

	pid_t pid = -1;
	Fd input, output, errors;
	std::optional<int> ended;
};

// Throws Error (exit 20).
Fd open_file(const std::string &path);
// As Process::read_out(); @fd is closed at the end of the file or if it cannot be read.
std::string read_some(Fd &fd);

}  // namespace drbd::mon
