#include "whoholds/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "base/printable.h"
#include "base/result.h"
#include "runtime/pairs/catalogue.h"
#include "whoholds/help.h"
#include "whoholds/raw_options.h"
#include "whoholds/values.h"

namespace whoholds {
namespace {

bool is_negative_number(std::string_view text) {
    return text.size() > 1 && text[0] == '-' && ((text[1] >= '0' && text[1] <= '9') || text[1] == '.');
}

// Arguments that nothing took, in the words of the user's intention.
std::string explain_extras(const std::vector<std::string>& extras) {
    const std::string first = extras.empty() ? std::string() : extras.front();
    if (is_negative_number(first)) return parse_interval_s(first).error().message;
    if (first.starts_with('-')) return printable(first) + " is not an option of whoholds: whoholds --help lists them";
    return '"' + printable(first) + "\" is one argument too many: INTERVAL and COUNT are the only ones without a name";
}

std::string explain(const CLI::ParseError& error) {
    std::string what = printable(error.what());
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
        return what.substr(0, what.find(':')) + " needs a value: whoholds --help says which";
    }
    if (!what.empty() && what.back() == '.') what.pop_back();
    return what + ": whoholds --help shows how";
}

ParseOutcome usage_outcome(std::string sentence) {
    ParseOutcome outcome;
    outcome.exit_code = kExitUsage;
    outcome.text = std::move(sentence);
    return outcome;
}

ParseOutcome text_outcome(std::string text) {
    ParseOutcome outcome;
    outcome.exit_code = kExitReported;
    outcome.text = std::move(text);
    return outcome;
}

}  // namespace

ParseOutcome parse_options(const std::vector<std::string>& arguments) {
    Raw raw;
    Options options;
    // The command after "--" is never parsed: its options are its own.
    const auto dashes = std::ranges::find(arguments, std::string("--"));
    if (dashes != arguments.end()) options.command.assign(dashes + 1, arguments.end());
    if (std::find(arguments.begin(), dashes, std::string()) != dashes) {
        return usage_outcome("an empty argument means nothing: give it a value, or leave it away");
    }

    CLI::App app("", "whoholds");
    app.set_help_flag("-h,--help", "Print this help");
    add_options(app, raw);
    add_commands(app, raw);

    std::vector<std::string> reversed(arguments.begin(), dashes);  // as CLI11 wants them
    std::ranges::reverse(reversed);
    try {
        app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        return text_outcome(help_of(app));
    } catch (const CLI::ExtrasError&) {
        if (app.got_subcommand("run") && dashes == arguments.end()) return usage_outcome(kRunNeedsDashes);
        return usage_outcome(explain_extras(app.remaining(true)));
    } catch (const CLI::ParseError& error) {
        return usage_outcome(explain(error));
    }
    if (raw.version) return text_outcome("whoholds " WHOHOLDS_VERSION "\n");
    if (std::ranges::find(raw.ready_pairs, "list") != raw.ready_pairs.end()) return text_outcome(catalogue_text());
    if (app.got_subcommand("run") && dashes == arguments.end()) return usage_outcome(kRunNeedsDashes);
    if (app.get_subcommands().size() > 1) return usage_outcome("one command at a time: " + command_names());
    options.action = chosen_action(app);

    Result<Options> result = read_options(raw, std::move(options));
    if (!result) return usage_outcome(std::move(result).error().message);
    ParseOutcome outcome;
    outcome.options = *std::move(result);
    return outcome;
}

}  // namespace whoholds
