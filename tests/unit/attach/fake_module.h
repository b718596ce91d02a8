// A module that a test makes up: symbols and bytes, no ELF file. Its file offsets are the addresses less 0x1000.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "attach/module_planner.h"
#include "attach/pair_search.h"
#include "symbolize/symbolizer.h"

namespace whoholds {

inline const std::vector<uint8_t> kPushRet = {0x55, 0xc3};

class FakeModule {
public:
    explicit FakeModule(std::string path) { plan_.path = std::move(path); }

    FakeModule& function(const std::string& name, uint64_t address, std::vector<uint8_t> code = kPushRet,
                         ElfBinding binding = ElfBinding::kGlobal) {
        code_.symbols.push_back({name, address, code.size(), ".dynsym", binding});
        bytes_[address] = std::move(code);
        return *this;
    }
    FakeModule& bytes(uint64_t address, std::vector<uint8_t> code) {
        bytes_[address] = std::move(code);
        return *this;
    }
    FakeModule& import(uint64_t slot, const std::string& name) {
        imports_[slot] = name;
        return *this;
    }
    ModuleCode& code() { return code_; }

    void prepare() {
        code_.code_at = [this](uint64_t address, size_t size) { return bytes_at(address, size); };
        code_.offset_of = [](uint64_t address) {
            return address < 0x100000 ? std::optional<uint64_t>(address - 0x1000) : std::nullopt;
        };
        code_.import_name = [this](uint64_t slot) { return imports_[slot]; };
        code_.import_slots = [this](std::string_view name) {
            std::vector<uint64_t> slots;
            for (const auto& [slot, function] : imports_) {
                if (function == name) slots.push_back(slot);
            }
            return slots;
        };
        code_.import_definition = [this](uint64_t slot) { return definition_of(imports_[slot]); };
        code_.all_symbols = [this] { return code_.symbols; };
        code_.executable_ranges.clear();
        for (const auto& [address, bytes] : bytes_)
            code_.executable_ranges.push_back({address, address + bytes.size()});
        code_.stub_ranges = code_.executable_ranges;
        code_.is_library = true;
    }
    void plan(const PlanOptions& options = {}) {
        prepare();
        PairSearch search(options.pairs);
        plan_module(code_, options, plan_, skipped_, search);
    }

    const ModulePlan& result() const { return plan_; }
    const PlannedProbe* probe(std::string_view symbol) const {
        const auto found = std::find_if(plan_.probes.begin(), plan_.probes.end(),
                                        [&](const PlannedProbe& probe) { return probe.symbol == symbol; });
        return found == plan_.probes.end() ? nullptr : &*found;
    }
    std::string why_skipped(std::string_view symbol) const {
        const std::string name = demangle_short(std::string(symbol));
        for (const Skipped& each : skipped_) {
            if (each.what.find(name) != std::string::npos) return each.why;
        }
        return "not skipped";
    }
    size_t skipped_count() const { return skipped_.size(); }

private:
    std::vector<uint8_t> bytes_at(uint64_t address, size_t size) const {
        auto piece = bytes_.upper_bound(address);
        if (piece == bytes_.begin() || address - (--piece)->first >= piece->second.size()) return {};
        const auto& bytes = piece->second;
        const size_t from = address - piece->first;
        return {bytes.begin() + static_cast<ptrdiff_t>(from),
                bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), from + size))};
    }
    uint64_t definition_of(const std::string& name) const {
        for (const ElfSymbol& symbol : code_.symbols) {
            if (symbol.name == name) return symbol.address;
        }
        return 0;
    }

    ModuleCode code_;
    std::map<uint64_t, std::vector<uint8_t>> bytes_;
    std::map<uint64_t, std::string> imports_;
    ModulePlan plan_;
    std::vector<Skipped> skipped_;
};

}  // namespace whoholds
