// A browser fetches nothing for pages that it opened from a folder: the search then names what it found without excerpts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
