// A folder of a test's own, removed at its end. For tests that need files, or a made-up /proc.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace whoholds {

class TempFolder {
public:
    TempFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "whoholds-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "mkdtemp " << name;
        path_ = name;
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path() const { return path_.string(); }
    [[nodiscard]] std::string path(std::string_view name) const { return path_.string() + "/" + std::string(name); }

    // Makes the folders on the way, too.
    void write(std::string_view name, std::string_view content) const {
        make_parent(name);
        std::ofstream file(path(name), std::ios::binary);
        file << content;
        if (!file.flush()) ADD_FAILURE() << "write " << path(name);
    }
    void link(std::string_view name, std::string_view target) const {
        make_parent(name);
        std::filesystem::create_symlink(target, path(name));
    }
    void remove(std::string_view name) const { std::filesystem::remove_all(path(name)); }

private:
    void make_parent(std::string_view name) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    }

    std::filesystem::path path_;
};

}  // namespace whoholds
