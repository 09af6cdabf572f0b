// Every English text of the studio, in one place so that it can be translated: a section for each view, common ones first.
// Views import `words` and hold no text of their own. Texts with numbers or names in them are functions.

export const words = {
  title: 'Margay studio',
  skip: 'Go to the content',
  views: 'Views',
  close: 'Close',
  cancel: 'Cancel',
  loading: 'Loading …',
  readOnly: 'read-only',
  readOnlyHelp: 'The studio was started with --read-only: it shows everything and changes nothing.',
  noAnswer: 'The studio does not answer; it may have ended. Start it again: margay studio',
  lost: 'The studio does not answer. What is shown may be old; the page tries again.',
  noView: (view: string) => `There is no view “${view}”.`,
  again: 'Try again',
  token: {
    title: 'Open the address that the studio printed',
    text: 'It holds a token, and this browser has none, or one of an earlier start. You can also paste the address, or the token, here.',
    label: 'Address or token',
    use: 'Use it',
  },
  keys: {
    title: 'Keys',
    open: 'Show the keys',
    everywhere: 'Everywhere',
    list: 'This list',
    goTo: (view: string) => `Go to ${view}`,
    space: 'space',
  },

  // Each view's section stands below its name, so that they can be added side by side.
  // runs
  runs: {
    title: 'Runs',
  },
  // data
  // mistakes
  // clean
  // label
  // try
  // train
};
