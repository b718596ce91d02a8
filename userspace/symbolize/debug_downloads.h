// Debug files from debuginfod servers, by build id. One for the whole program, made only if DEBUGINFOD_URLS is set: else
// nothing ever goes to the network. Used by the symbolisers.
// Invariant: nothing here blocks. A child process downloads, with libdebuginfod and into its cache. It is a process and
// not a thread so that it can be killed whatever it hangs in, cannot bring us down with it, and has limits of its own.
// It is forked early, while we are small, and ends with us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace whoholds {

class DebugDownloads {
public:
    struct Options {
        std::string urls;                        // as in DEBUGINFOD_URLS
        std::string cache_path;                  // "": as libdebuginfod decides
        unsigned stalled_s = 20;                 // give up a server that sends next to nothing for so long
        unsigned longest_s = 600;                // give up a file that takes longer
        uint64_t max_bytes = uint64_t{1} << 30;  // of one file; what is larger would not be read either
    };
    // nullopt when DEBUGINFOD_URLS is not set or blank.
    static std::optional<Options> options_from_environment();

    // Fails in the static program, which cannot load libdebuginfod.
    static Result<DebugDownloads> start(const Options& options);
    DebugDownloads(DebugDownloads&& other) noexcept;
    DebugDownloads& operator=(DebugDownloads&& other) noexcept;
    ~DebugDownloads();

    enum class State : uint8_t { kWaiting, kArrived, kFailed };
    struct Download {
        State state = State::kWaiting;
        std::string path;   // of the file, once it arrived; it is not to be trusted
        std::string error;  // why it failed
    };
    // Asks for the debug file of this build id, unless that was done before.
    void request(const std::string& build_id);
    // nullptr when it was not requested. Valid as long as this.
    [[nodiscard]] const Download* find(const std::string& build_id) const;

    // Takes what has come. True if a download ended.
    bool poll();
    [[nodiscard]] int fd() const { return socket_.get(); }  // readable when poll() has something to do; -1: ended

private:
    DebugDownloads(UniqueFd socket, pid_t child) : socket_(std::move(socket)), child_(child) {}
    void send_requests();
    void take_answer(std::string_view answer);
    void end(const std::string& why);

    UniqueFd socket_;
    pid_t child_ = -1;
    std::map<std::string, Download> downloads_;  // by build id
    std::deque<std::string> unsent_;
};

}  // namespace whoholds
